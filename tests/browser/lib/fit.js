// What fits a window, and what axe says of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Nothing sticks out to the side, and no rule of WCAG 2.2 AA that a program can check is broken. */
export async function isFit(person, what) {
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
