// Every page at a phone's width and at a desktop's: nothing to scroll sideways, nothing that axe objects to.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { world } from '../lib/world.js';

const scene = world();
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const WINDOWS = [
  { name: 'phone', width: 390, height: 844, isPhone: true },
  { name: 'desktop', width: 1440, height: 900 },
];

/** Nothing sticks out to the side, and no rule of WCAG 2.2 AA that a program can check is broken. */
async function isFit(person, what) {
  const page = await person.driver.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    width: document.documentElement.clientWidth,
  }));
  assert.ok(page.wide <= page.width, `${what}: ${page.wide} px wide in a window of ${page.width} px`);
  await person.driver.page.evaluate(axeSource);
  const violations = await person.driver.evaluate(async () => {
    // While a dialog fades in its colours are not those that people read.
    const passing = document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity);
    await Promise.allSettled(passing.map(({ finished }) => finished));
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await window.axe.run(document, { runOnly: tags });
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
  assert.deepEqual(violations, [], what);
}

for (const { name, ...window } of WINDOWS) {
  scene(`every page fits a ${name}`, async ({ call, owner, person }) => {
    const { slug, people } = await call(['Ann']);
    const ben = await person('Ben', window);
    await ben.sees('button', 'Account');
    await isFit(ben, 'list of rooms');
    await ben.arrive(slug, { microphone: true });
    await isFit(ben, 'lobby');
    await ben.join();
    await ben.watches('Ann');
    await people[0].watches('Ben');
    await isFit(ben, 'call');
    if (window.isPhone) {
      await ben.driver.click('button', 'Chat');
      await ben.sees('textbox', 'Message');
    }
    await ben.write('A word that is longer than a phone is wide: '.padEnd(400, 'x'));
    await people[0].reads('A word that is longer');
    await isFit(ben, 'chat');

    await owner.driver.page.setViewportSize({ width: window.width, height: window.height });
    await owner.driver.goto(`${owner.origin}/`);
    await owner.sees('button', 'New room');
    await owner.driver.click('button', 'New room');
    await owner.sees('button', 'Create room');
    await isFit(owner, 'new room');
  });
}
