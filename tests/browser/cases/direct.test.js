// Two people alone: writing, being called, refusing.
import assert from 'node:assert/strict';
import { isFit } from '../lib/fit.js';
import { until } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

scene('one writes to another alone, calls, and is refused', async (world) => {
  const slug = await world.room('text');
  const ann = await world.person('Ann');
  const ben = await world.person('Ben', { width: 390, height: 844, isPhone: true });
  for (const person of [ann, ben]) {
    await person.enter(slug);
    await person.sees('textbox', 'Message');
  }

  // From a person's name.
  await ann.driver.click('button', 'People');
  await ann.driver.click('button', 'Write to Ben');
  await until('Ann is in a room of two', async () => /\/rooms\/direct-/.test(ann.driver.page.url()));
  await ann.sees('button', 'Join');
  const chat = ann.driver.page.getByRole('textbox', { name: 'Message' });
  await until('the chat is open', async () => (await chat.count()) === 1);
  await ann.write('Only for you');
  await ann.reads('Only for you');

  // He is elsewhere, is told, and finds it in his list.
  await ben.driver.goto(`${ben.origin}/`);
  const list = ben.driver.page.getByRole('navigation', { name: 'Direct messages' });
  const entry = list.getByRole('link', { name: /Ann/ });
  await until('Ben has it in his list', async () => (await entry.count()) === 1);
  await until('it is new', async () => /1 new/.test((await entry.textContent()) ?? ''));
  await isFit(ben, 'direct messages');
  await ben.driver.click('button', 'Inbox');
  await ben.reads('Ann wrote to you');
  await ben.driver.goto(`${ben.origin}/account`);

  // She calls. The bar is reached by keyboard, on whatever page he is.
  await ann.join();
  await ben.sees('button', 'Answer Ann');
  await ben.sees('button', 'Decline Ann');
  await isFit(ben, 'an incoming call');
  await ben.driver.page.getByRole('button', { name: 'Decline Ann' }).focus();
  await ben.driver.page.keyboard.press('Enter');
  await until('it rings no more', async () => !(await ben.driver.isVisible('button', 'Answer Ann')));
  await ann.leave();
  await ann.join();
  await ben.sees('button', 'Answer Ann');
  await ben.driver.page.getByRole('button', { name: 'Answer Ann' }).press('Enter');
  await ben.sees('button', 'Leave');
  await until('they are in one call', async () => (await ann.tile('Ben')) !== undefined);
  await ben.leave();

  // He answers a message, and then takes no more of them.
  await ben.driver.click('button', 'Chat');
  await ben.reads('Only for you');
  const options = ben.driver.page.getByRole('button', { name: 'Options for the message of Ann' });
  await options.first().click();
  await ben.driver.click('menuitem', 'Reply');
  await ben.reads('Answer to Ann: Only for you');
  await ben.write('And for you');
  await until('Ann sees what is answered', () =>
    ann.driver.evaluate(() => document.querySelector('[role="log"]')?.innerText.includes('Ann: Only for you')),
  );
  await ann.leave();
  await ben.driver.click('button', 'Take no messages');
  await ben.sees('button', 'Take messages again');
  await until('nobody writes', async () => !(await ben.driver.isVisible('textbox', 'Message')));
  await ann.write('Still there?');
  await ann.reads('this person takes no direct messages of yours');
  assert.equal(new URL(ann.driver.page.url()).pathname, new URL(ben.driver.page.url()).pathname);

  // His account lists whom he refuses, and there he takes it back.
  await ben.driver.goto(`${ben.origin}/account`);
  await ben.driver.click('button', 'Take direct messages of Ann again');
  await ben.reads('Everybody may write to you.');
  await isFit(ben, 'the account');
  await ann.write('And now?');
  await until('she may write', async () => (await ben.api('GET', '/v1/direct')).items[0].unreadCount > 0);
});

scene('what is pinned is listed where one looks for messages', async (world) => {
  const slug = await world.room('text');
  const ann = await world.person('Ann');
  for (const person of [ann, world.owner]) {
    await person.enter(slug);
    await person.sees('textbox', 'Message');
  }
  await ann.write('The rules of this room');
  const options = world.owner.driver.page.getByRole('button', { name: 'Options for the message of Ann' });
  await options.first().click();
  await world.owner.driver.click('menuitem', 'Pin');
  await ann.reads('(pinned)');
  await ann.driver.click('button', 'Search messages');
  const pinned = ann.driver.page.getByRole('list', { name: 'Pinned messages' });
  await until('Ann sees what is pinned', async () =>
    (await pinned.allInnerTexts()).join().includes('The rules of this room'),
  );
  await isFit(ann, 'pinned messages');
});
