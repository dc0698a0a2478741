// Signing in by a passkey, with a device that Chromium plays (WebAuthn, section 11: WebDriver's and CDP's authenticators).
import assert from 'node:assert/strict';
import { isFit } from '../lib/fit.js';
import { world } from '../lib/world.js';

const BUTTON = 'Sign in with a passkey';
/** Of people who register in the page. */
const PASSWORD = 'correct horse battery';

/** Passkeys are for names, and an address of numbers is none. */
function named(origin) {
  return origin.replace('127.0.0.1', 'localhost');
}

const scene = world((origin) => ['--public-url', named(origin)]);

/** Somebody with an account who opens the server by its name, and has a device with a lock. */
async function withDevice(person, name, window) {
  const ann = await person(name, window);
  ann.origin = named(ann.origin);
  await ann.signIn();
  const cdp = await ann.driver.context.newCDPSession(ann.driver.page);
  await cdp.send('WebAuthn.enable');
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options });
  /** Whether the device takes its owner for its owner. */
  const verifies = (isUserVerified) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });
  return { ann, verifies };
}

async function add(person, name) {
  const { page } = person.driver;
  await person.driver.goto(`${person.origin}/account`);
  await person.driver.click('button', 'Add a passkey');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill(name);
  await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await person.driver.click('button', 'Continue');
}

async function signOut(person) {
  await person.driver.click('button', 'Account');
  await person.driver.click('menuitem', 'Sign out');
  await person.sees('button', BUTTON);
}

scene('somebody adds a passkey, signs in by it without typing, removes it, and is refused', async ({ person }) => {
  const { ann } = await withDevice(person, 'Ann', { width: 390, height: 844 });
  await add(ann, 'My phone');
  await ann.sees('button', 'Remove My phone');
  await isFit(ann, 'account');
  const { user } = await ann.api('GET', '/v1/auth/me');
  // The same device makes no second one.
  await add(ann, 'Again');
  await ann.reads('This device has a passkey for your account already.');
  await ann.driver.goto(`${ann.origin}/account`);
  await ann.sees('button', 'Remove My phone');

  await signOut(ann);
  await isFit(ann, 'sign in');
  await ann.driver.click('button', BUTTON);
  await ann.sees('button', 'Account');
  assert.deepEqual((await ann.api('GET', '/v1/auth/me')).user, user);
  const { items } = await ann.api('GET', '/v1/auth/passkeys');
  assert.deepEqual([items.length, items[0].name], [1, 'My phone']);
  assert.ok(items[0].lastUsedAt);

  await ann.driver.goto(`${ann.origin}/account`);
  await ann.driver.click('button', 'Rename My phone');
  await ann.driver.page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Old phone');
  await ann.driver.click('button', 'Rename');
  await ann.driver.click('button', 'Remove Old phone');
  await ann.driver.click('button', 'Remove');
  await ann.reads('None yet.');
  await signOut(ann);
  await ann.driver.click('button', BUTTON);
  await ann.reads('this passkey is not known here, or was removed');
});

scene('whom the device does not know is told so in plain words, and comes in by password', async ({ person }) => {
  const { ann, verifies } = await withDevice(person, 'Bob');
  await add(ann, 'Laptop');
  await ann.sees('button', 'Remove Laptop');
  await signOut(ann);
  await verifies(false);
  await ann.driver.click('button', BUTTON);
  await ann.reads('Nothing was done: it was cancelled');
  await ann.signIn();
});
