// The admin pages and the account page.
import assert from 'node:assert/strict';
import { ChromiumDriver } from '../lib/chromium.js';
import { isFit } from '../lib/fit.js';
import { Person } from '../lib/person.js';
import { until } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

/** Each page below `/admin`, and its heading. */
const PAGES = [
  ['people', 'People'],
  ['workspaces', 'Workspaces'],
  ['workspaces/acme', 'Acme'],
  ['workspaces/default', 'Default'],
  ['rooms', 'Rooms'],
  ['participants', 'In rooms now'],
  ['server', 'Server'],
  ['outbox', 'Outbox'],
  ['audit', 'Audit log'],
  ['settings', 'Settings'],
  ['keys', 'API keys'],
];

const WINDOWS = [
  { name: 'phone', width: 390, height: 844 },
  { name: 'desktop', width: 1280, height: 800 },
];

scene('an admin blocks somebody, who is out at once, and the audit log says so', async ({ owner, person }) => {
  const ann = await person('Ann');
  await owner.driver.goto(`${owner.origin}/admin/people`);
  await owner.reads(ann.email);
  await owner.driver.click('button', 'Actions for Ann');
  await owner.driver.click('menuitem', 'Block');
  await owner.sees('alertdialog', 'Block Ann?');
  await owner.driver.click('button', 'Block');
  await owner.reads('Blocked');
  await ann.driver.goto(`${ann.origin}/account`);
  await ann.sees('heading', 'Sign in');

  await owner.driver.click('link', 'Audit log');
  await owner.sees('heading', 'Audit log');
  await owner.driver.fill('Action', 'admin.user');
  await owner.driver.click('button', 'Search');
  await owner.reads('admin.user.block');
  const entries = await owner.driver.page
    .getByRole('list', { name: 'Audit log' })
    .getByRole('listitem')
    .allInnerTexts();
  const { items } = await owner.api('GET', '/v1/admin/users');
  const id = items.find(({ email }) => email === ann.email).id;
  assert.equal(entries.length, 1, 'only what was searched for');
  assert.ok(entries[0].includes(id) && entries[0].includes('Olga Owner'), entries[0]);
});

scene('somebody ends their session on another device, and it is over there', async ({ person }) => {
  const ben = await person('Ben');
  const elsewhere = new Person('Ben', await ChromiumDriver.open(ben.driver.context.browser()), ben.origin);
  elsewhere.email = ben.email;
  try {
    await elsewhere.signIn();
    await ben.driver.click('button', 'Account');
    await ben.driver.click('menuitem', 'Your account');
    const sessions = ben.driver.page.getByRole('list', { name: 'Sessions' }).getByRole('listitem');
    await until('both sessions are listed', async () => (await sessions.count()) === 2);
    await sessions.getByRole('button', { name: /^Sign out Chrome/ }).click();
    await until('one is left', async () => (await sessions.count()) === 1);
    assert.match(await sessions.innerText(), /This one/);
    await elsewhere.driver.goto(`${ben.origin}/account`);
    await elsewhere.sees('heading', 'Sign in');
    await ben.driver.reload();
    await ben.sees('heading', 'Account');
  } finally {
    await elsewhere.close();
  }
});

scene('a role is made by keyboard, given to somebody, and deleted', async ({ owner, person }) => {
  const eve = await person('Eve');
  const page = owner.driver.page;
  await owner.driver.goto(`${owner.origin}/admin/workspaces/default`);
  await owner.driver.click('button', 'New role');
  await owner.sees('dialog', 'New role');
  await owner.driver.fill('Name', 'Host');
  for (const permission of ['Make a room', 'Pin a message']) {
    await page.getByRole('checkbox', { name: permission, exact: true }).focus();
    await page.keyboard.press('Space');
  }
  await isFit(owner, 'the dialog of a role');
  await owner.driver.click('button', 'Make role');
  const roles = page.getByRole('list', { name: 'Roles' }).getByRole('listitem');
  await until('the role is listed', async () => /2 permissions/.test(await roles.innerText()));

  await owner.driver.click('button', 'Roles that Eve holds');
  await page.getByRole('checkbox', { name: 'Host' }).focus();
  await page.keyboard.press('Space');
  await until('it is held', () => page.getByRole('checkbox', { name: 'Host' }).isChecked());
  await isFit(owner, 'the roles of a member');
  await owner.driver.click('button', 'Done');
  await until('it is counted', async () => /1 member/.test(await roles.innerText()));
  const mine = async () => (await eve.api('GET', '/v1/workspaces/default')).myGrantedPermissions;
  assert.deepEqual(await mine(), ['chat.pin.set', 'rooms.room.create']);

  await owner.driver.click('button', 'Delete Host');
  await owner.sees('alertdialog', 'Delete Host?');
  await owner.driver.click('button', 'Delete role');
  await owner.reads('This workspace has no roles of its own.');
  assert.deepEqual(await mine(), []);
});

scene(
  'a reported message is shown to an admin, who bans its writer and is done with it',
  async ({ owner, person, room }) => {
    const fay = await person('Fay');
    const slug = await room('text');
    await fay.enter(slug);
    await fay.write('Buy now');
    const said = async () => (await owner.api('GET', `/v1/rooms/${slug}/messages`)).items;
    const items = await until('it is said', async () => {
      const items = await said();
      return items.length > 0 && items;
    });
    await owner.api('POST', `/v1/rooms/${slug}/messages/${items[0].id}/report`, { reason: 'It is spam.' });

    await owner.driver.goto(`${owner.origin}/admin/workspaces/default`);
    await owner.reads('It is spam.');
    await owner.driver.click('button', `Ban Fay from ${slug}`);
    await owner.sees('alertdialog', 'Ban Fay?');
    await isFit(owner, 'the question before a ban');
    await owner.driver.click('button', 'Ban');
    const isBanned = async () => (await owner.api('GET', `/v1/rooms/${slug}/bans`)).items.length === 1;
    await until('Fay is banned', isBanned);
    await owner.driver.click('button', 'Resolve the report about Fay');
    const reports = owner.driver.page.getByRole('list', { name: 'Reports' }).getByRole('listitem');
    await until('it is resolved', async () => /Resolved/.test(await reports.first().innerText()));
    assert.equal(await reports.first().getByRole('button').count(), 0, 'nothing is left to be done');
  },
);

scene('who is no admin is told so', async ({ person }) => {
  const cid = await person('Cid');
  for (const section of ['people', 'keys']) {
    await cid.driver.goto(`${cid.origin}/admin/${section}`);
    await cid.sees('heading', 'Not for you');
  }
});

for (const { name, width, height } of WINDOWS) {
  scene(`each page of the administration and of the account fits a ${name}`, async ({ owner, person, room }) => {
    await person('Dan With a Rather Long Name That Goes On');
    await room();
    await owner.api('POST', '/v1/workspaces', { slug: 'acme', title: 'Acme' });
    await owner.api('POST', '/v1/admin/api-keys', { name: 'shop', scopes: ['accounts.join_token.create'] });
    await owner.driver.page.setViewportSize({ width, height });
    for (const [path, heading] of PAGES) {
      await owner.driver.goto(`${owner.origin}/admin/${path}`);
      await owner.sees('heading', heading);
      await until(`${path} is loaded`, () => owner.driver.evaluate(() => !document.querySelector('[aria-busy=true]')));
      await isFit(owner, path);
    }
    await owner.driver.goto(`${owner.origin}/account`);
    await owner.reads('This one');
    await isFit(owner, 'account');
    await owner.driver.click('button', 'Set up');
    await owner.sees('button', 'Continue');
    await isFit(owner, 'second factor');
  });
}
