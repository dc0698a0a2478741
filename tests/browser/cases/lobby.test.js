// A room with a lobby: one waits and is let in, another is refused, a third goes away.
import assert from 'node:assert/strict';
import { isFit } from '../lib/fit.js';
import { until } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

const PHONE = { width: 390, height: 844, isPhone: true };

/** Who waits, as the owner's list says. */
const waiting = async (owner, slug) => {
  const { items } = await owner.api('GET', `/v1/rooms/${slug}/lobby`);
  return items.map((each) => each.displayName);
};

scene('who waits in a lobby is let in or refused by a moderator', async ({ owner, room, person }) => {
  const slug = await room();
  await owner.api('PATCH', `/v1/rooms/${slug}`, { lobby: true });
  await owner.arrive(slug);
  await owner.join();

  const ann = await person('Ann', PHONE);
  await ann.enter(slug);
  await ann.reads('You will be let in');
  await isFit(ann, 'waiting room');
  assert.equal(await ann.driver.isVisible('button', 'Join'), false);

  // It is said where screen readers hear it, and decided by the keyboard alone.
  await until('the owner is told', () =>
    owner.driver.evaluate(() =>
      [...document.querySelectorAll('[role=status]')].some((region) => region.innerText.includes('Ann waits')),
    ),
  );
  const { page } = owner.driver;
  await page.getByRole('button', { name: 'People' }).focus();
  await page.keyboard.press('Enter');
  await owner.sees('button', 'Admit Ann');
  await until('the owner comes to the button by Tab', async () => {
    await page.keyboard.press('Tab');
    return page.evaluate(() => document.activeElement?.getAttribute('aria-label') === 'Admit Ann');
  });
  await page.keyboard.press('Enter');
  await ann.sees('button', 'Join');
  assert.deepEqual(await waiting(owner, slug), []);
  await ann.join();
  await ann.watches('Olga Owner');
  await owner.watches('Ann');

  // At a phone's width too; who reloads does not wait again.
  await ann.enter(slug);
  await ann.sees('button', 'Join');
  await owner.driver.page.setViewportSize(PHONE);
  const ben = await person('Ben');
  await ben.enter(slug);
  await ben.reads('You will be let in');
  await owner.sees('button', 'Refuse Ben');
  await isFit(owner, 'list of those who wait');
  await owner.driver.click('button', 'Refuse Ben');
  await ben.reads('You were not let in');

  const cid = await person('Cid');
  await cid.enter(slug);
  await cid.reads('You will be let in');
  await until('Cid waits', async () => (await waiting(owner, slug)).includes('Cid'));
  await cid.driver.click('button', 'Leave');
  await until('nobody waits', async () => (await waiting(owner, slug)).length === 0);
});
