// Signing in by a provider of somebody else's making.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after } from 'node:test';
import { ChromiumDriver } from '../lib/chromium.js';
import { isFit } from '../lib/fit.js';
import { Person } from '../lib/person.js';
import { signInThere, TestProvider } from '../lib/provider.js';
import { world } from '../lib/world.js';

const BUTTON = 'Sign in with Panva';
/** Of people who register in the page. */
const PASSWORD = 'correct horse battery';

let provider;

const scene = world(async (origin) => {
  provider = await TestProvider.start(origin);
  return ['--public-url', origin, ...provider.settings];
});

after(() => provider?.close());

/** Somebody whom the server has never seen, in a window of their own. */
async function stranger(owner, window = {}) {
  return new Person('Pia', await ChromiumDriver.open(owner.driver.context.browser(), window), owner.origin);
}

scene('somebody signs in by the button, signs out, and signs in again to the same account', async ({ owner }) => {
  const pia = await stranger(owner, { width: 390, height: 844 });
  const { page } = pia.driver;
  try {
    await pia.driver.goto(`${pia.origin}/account`);
    await pia.sees('button', BUTTON);
    await isFit(pia, 'sign in');
    await pia.driver.click('button', BUTTON);
    await signInThere(page, 'pia');
    // The page that was asked for.
    await pia.sees('heading', 'Sign-in with Panva');
    const first = await pia.api('GET', '/v1/auth/me');
    assert.equal(first.user.email, 'pia@example.org');
    assert.equal(first.user.displayName, 'pia of the provider');
    assert.deepEqual([first.emailVerified, first.hasPassword], [true, false]);
    await pia.reads('Set a password, or add a passkey, before you unlink it.');
    await isFit(pia, 'account');

    await signOut(pia);
    await pia.driver.click('button', BUTTON);
    // The provider knows them still, and asks for nothing.
    await pia.sees('button', 'Account');
    assert.equal((await pia.api('GET', '/v1/auth/me')).user.id, first.user.id);
  } finally {
    await pia.close();
  }
});

scene('who does not want to is told so, and can sign in by password', async ({ owner }) => {
  const pia = await stranger(owner);
  try {
    await pia.driver.goto(pia.origin);
    await pia.sees('button', BUTTON);
    await pia.driver.click('button', BUTTON);
    await pia.driver.page.getByRole('link', { name: 'Cancel' }).click();
    await pia.reads('You were not signed in there.');
    await pia.sees('button', 'Sign in');
  } finally {
    await pia.close();
  }
});

/** Links the account of somebody who is signed in, on its page. */
async function link(person, name) {
  const { page } = person.driver;
  await person.driver.goto(`${person.origin}/account`);
  await person.sees('button', 'Link Panva');
  await person.driver.click('button', 'Link Panva');
  await page.getByRole('dialog').getByLabel('Password', { exact: true }).fill(PASSWORD);
  await person.driver.click('button', 'Continue');
  await signInThere(page, name);
  await person.sees('button', 'Unlink Panva');
}

async function signOut(person) {
  await person.driver.click('button', 'Account');
  await person.driver.click('menuitem', 'Sign out');
  await person.sees('button', BUTTON);
}

scene('somebody links their account, signs in by it, and parts the two', async ({ person }) => {
  const ann = await person('Ann');
  await link(ann, 'ann');
  const { user } = await ann.api('GET', '/v1/auth/me');
  await signOut(ann);
  await ann.driver.click('button', BUTTON);
  await ann.sees('button', 'Account');
  assert.deepEqual((await ann.api('GET', '/v1/auth/me')).user, user);
  await ann.driver.goto(`${ann.origin}/account`);
  await ann.sees('button', 'Unlink Panva');
  await ann.driver.click('button', 'Unlink Panva');
  await ann.sees('button', 'Link Panva');
  assert.deepEqual(await ann.api('GET', '/v1/auth/oidc/link'), {});
});

/** What an authenticator shows now (RFC 6238). */
function totp(secret) {
  const bits = [...secret]
    .map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const tag = createHmac('sha1', key).update(step).digest();
  const number = tag.readUInt32BE(tag.at(-1) & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
}

scene('who has a second factor types its code after the provider', async ({ person }) => {
  const cid = await person('Cid', { width: 390, height: 844 });
  await link(cid, 'cid');
  const { secret } = await cid.api('POST', '/v1/auth/second-factor', { password: PASSWORD });
  const { recoveryCodes } = await cid.api('POST', '/v1/auth/second-factor/confirm', { code: totp(secret) });
  await signOut(cid);
  await cid.driver.click('button', BUTTON);
  await cid.sees('heading', 'Second factor');
  await isFit(cid, 'code');
  await cid.driver.fill('Code', 'a wrong one');
  await cid.driver.click('button', 'Sign in');
  await cid.reads('the code is wrong');
  await cid.driver.fill('Code', recoveryCodes[0]);
  await cid.driver.click('button', 'Sign in');
  await cid.sees('button', 'Account');
});
