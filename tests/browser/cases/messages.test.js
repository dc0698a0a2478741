// What a message has beside its text: files, words by which it is found, people whom it tells.
import assert from 'node:assert/strict';
import { isFit } from '../lib/fit.js';
import { until } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

/** A square of 8 by 8 dots. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAYAAADED76LAAAAFUlEQVR42mNk+M/wn4EIwDiqkL4KAcT9BAEMLPrpAAAAAElFTkSuQmCC',
  'base64',
);

scene('a picture is seen by the others, a word is found, and who is mentioned learns it', async (world) => {
  const slug = await world.room('text');
  const ann = await world.person('Ann');
  const ben = await world.person('Ben', { width: 390, height: 844, isPhone: true });
  for (const person of [ann, ben]) {
    await person.enter(slug);
    await person.sees('textbox', 'Message');
  }

  await attach(ann, [
    { name: 'square.png', mimeType: 'image/png', buffer: PICTURE },
    { name: 'agenda.txt', mimeType: 'text/plain', buffer: Buffer.from('Agenda: all of it') },
  ]);
  await ann.sees('button', 'Take square.png away');
  await ann.reads('17 bytes');
  await ann.write('The drawing for Thursday');
  const shown = await until('Ben sees the picture', () =>
    ben.driver.evaluate(() => {
      const picture = document.querySelector('[role="log"] img[alt="square.png"]');
      return picture?.complete && picture.naturalWidth;
    }),
  );
  assert.equal(shown, 8);
  await ben.reads('agenda.txt');
  const [opened] = await Promise.all([
    ben.driver.context.waitForEvent('page'),
    ben.driver.page.getByRole('link', { name: 'square.png' }).press('Enter'),
  ]);
  assert.match(opened.url(), /\/v1\/attachments\//);
  await opened.close();

  // He is elsewhere, and told all the same.
  await ben.driver.goto(`${ben.origin}/`);
  await ben.sees('button', 'Inbox');
  await ann.write('Did you see it, @ben?');
  await until('Ben is told', async () => (await inbox(ben)) === '1 new');
  await ben.driver.click('button', 'Inbox');
  await ben.reads('Ann mentioned you');
  await until('Ben has read it', async () => (await inbox(ben)) === '');
  await isFit(ben, 'inbox');
  await ben.driver.page.getByRole('link', { name: /Ann mentioned you/ }).click();
  await ben.sees('textbox', 'Message');
  assert.equal(new URL(ben.driver.page.url()).pathname, `/rooms/${slug}`);
  assert.equal(await inbox(ann), '', 'who mentions is not told');

  for (const person of [ben, ann]) {
    await person.driver.click('button', 'Search messages');
    await find(person, 'zebra');
    await person.reads('Nothing was found.');
    await find(person, 'thurs');
    const found = person.driver.page.getByRole('list', { name: 'Messages found' });
    const texts = () => found.allInnerTexts();
    await until('it is found', async () => (await texts()).join().includes('The drawing for Thursday'));
    assert.ok(!(await texts()).join().includes('Did you see it'), 'only what was looked for');
    if (person === ann) await isFit(ann, 'search');
    await person.driver.page.getByLabel('Words to look for').press('Escape');
    await until('the search is closed', async () => (await found.count()) === 0);
  }
});

scene('a file that is dropped and refused says why, and is taken away', async (world) => {
  const slug = await world.room('text');
  const ann = await world.person('Ann');
  await ann.enter(slug);
  await ann.sees('textbox', 'Message');
  const dataTransfer = await ann.driver.page.evaluateHandle(() => {
    const dropped = new DataTransfer();
    dropped.items.add(new File([], 'empty.txt'));
    return dropped;
  });
  await ann.driver.page.getByLabel('Message', { exact: true }).dispatchEvent('drop', { dataTransfer });
  await ann.reads('it is empty');
  await ann.driver.fill('Message', 'Here');
  assert.ok(await ann.driver.page.getByRole('button', { name: 'Send', exact: true }).isDisabled());
  await isFit(ann, 'a refused file');
  await ann.driver.click('button', 'Take empty.txt away');
  await ann.driver.click('button', 'Send');
  await ann.reads('Here');
});

function attach(person, files) {
  return person.driver.page.locator('input[type=file]').setInputFiles(files);
}

/** What the bell says. */
async function inbox({ driver }) {
  return driver.evaluate(() => document.querySelector('#inbox-unread')?.textContent);
}

async function find(person, words) {
  await person.driver.fill('Words to look for', words);
  await person.driver.page.getByLabel('Words to look for').press('Enter');
}
