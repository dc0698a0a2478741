// Signing in by a provider of somebody else's making.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { ChromiumDriver } from '../lib/chromium.js';
import { isFit } from '../lib/fit.js';
import { Person } from '../lib/person.js';
import { signInThere, TestProvider } from '../lib/provider.js';
import { world } from '../lib/world.js';

const BUTTON = 'Sign in with Panva';

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
    await pia.reads('It is your only way in');
    await isFit(pia, 'account');

    await pia.driver.click('button', 'Account');
    await pia.driver.click('menuitem', 'Sign out');
    await pia.sees('button', BUTTON);
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

scene('somebody links their account, signs in by it, and parts the two', async ({ person }) => {
  const ann = await person('Ann');
  const { page } = ann.driver;
  await ann.driver.goto(`${ann.origin}/account`);
  await ann.sees('button', 'Link Panva');
  await ann.driver.click('button', 'Link Panva');
  await page.getByRole('dialog').getByLabel('Password', { exact: true }).fill('correct horse battery');
  await ann.driver.click('button', 'Continue');
  await signInThere(page, 'ann');
  await ann.sees('button', 'Unlink Panva');
  const { user } = await ann.api('GET', '/v1/auth/me');
  await ann.driver.click('button', 'Account');
  await ann.driver.click('menuitem', 'Sign out');
  await ann.sees('button', BUTTON);
  await ann.driver.click('button', BUTTON);
  await ann.sees('button', 'Account');
  assert.deepEqual((await ann.api('GET', '/v1/auth/me')).user, user);
  await ann.driver.goto(`${ann.origin}/account`);
  await ann.sees('button', 'Unlink Panva');
  await ann.driver.click('button', 'Unlink Panva');
  await ann.sees('button', 'Link Panva');
  assert.deepEqual(await ann.api('GET', '/v1/auth/oidc/link'), {});
});
