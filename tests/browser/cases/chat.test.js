// Chat beside the call, and after a restart of the server.
import assert from 'node:assert/strict';
import { until } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

scene('what one writes all read, once and in order, also after the server was started again', async (world) => {
  const slug = await world.room('text');
  const people = [await world.person('Ann'), await world.person('Ben'), await world.person('Cid')];
  for (const person of people) await person.enter(slug);
  const texts = [];
  for (const [index, person] of people.entries()) {
    await person.sees('textbox', 'Message');
    texts.push(`Message ${index} from ${person.name}`);
    await person.write(texts.at(-1));
    for (const reader of people) await reader.reads(texts.at(-1));
  }
  const shown = (person) =>
    person.driver.evaluate((texts) => {
      const body = document.querySelector('[role="log"]').innerText;
      return texts.map((text) => ({ at: body.indexOf(text), times: body.split(text).length - 1 }));
    }, texts);
  const inOrder = async (person) => {
    const found = await shown(person);
    assert.deepEqual(
      found.map(({ times }) => times),
      [1, 1, 1],
      `${person.name} reads each message once`,
    );
    assert.deepEqual(
      found.map(({ at }) => at).toSorted((a, b) => a - b),
      found.map(({ at }) => at),
    );
  };
  for (const person of people) await inOrder(person);

  assert.equal(await world.server.stop(), 0);
  await world.server.launch();
  const [ann, ben] = people;
  await ann.driver.reload();
  for (const text of texts) await ann.reads(text);
  await inOrder(ann);

  // Ben's page was not loaded again: it finds back by itself.
  await until(
    'Ben is back',
    async () => {
      await ann.write(`Are you there? ${Date.now()}`);
      return ben.driver.evaluate(() => document.body.innerText.includes('Are you there?'));
    },
    { intervalMs: 1_000 },
  );
});
