// A call of three in Chromium: seen, heard, left, come back to.
import assert from 'node:assert/strict';
import { until } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

scene('three people see and hear each other', async ({ call }) => {
  const { people } = await call(['Ann', 'Ben', 'Cid']);
  for (const person of people) {
    for (const other of people.filter((other) => other !== person)) await person.watches(other.name);
  }
  const [ann, ben, cid] = people;
  for (const person of people) await person.hearsNothing();
  await ann.turn('Microphone', true);
  await ben.hears();
  await cid.hears();
  await ann.turn('Microphone', false);
  await ben.hearsNothing();
  await cid.hearsNothing();
  await ben.turn('Microphone', true);
  await ann.hears();
});

scene('a shared screen is seen and goes away', async ({ call }) => {
  const { people } = await call(['Dan', 'Eve'], { camera: false });
  const [dan, eve] = people;
  await dan.turn('Share screen', true);
  const screen = await until('Eve sees the screen', async () => {
    const tile = await eve.tile("Dan's screen");
    return tile !== undefined && tile.framesDecoded > 0 && tile.height > 0 ? tile : undefined;
  });
  assert.ok(screen.height >= 360, `a shared screen of ${screen.height} lines cannot be read`);
  await dan.turn('Share screen', false);
  await eve.loses("Dan's screen");
});

scene('who leaves is gone, who joins again is seen again', async ({ call }) => {
  const { people } = await call(['Fay', 'Gus']);
  const [fay, gus] = people;
  await fay.watches('Gus');
  await gus.leave();
  await fay.loses('Gus');
  assert.equal(await gus.driver.evaluate(() => window.probe.connectionCount()), 0);
  await gus.join();
  await fay.watches('Gus');
  await gus.watches('Fay');
});

scene('a page that is loaded again in a call comes back into it', async ({ call }) => {
  const { people } = await call(['Hal', 'Ida']);
  const [hal, ida] = people;
  await hal.watches('Ida');
  await ida.driver.reload();
  await ida.join();
  await hal.watches('Ida');
  await ida.watches('Hal');
  const names = (await hal.tiles()).map((tile) => tile.name).sort();
  assert.deepEqual(names, ['Hal (you)', 'Ida'], 'the stay before the reload must not linger');
});

scene('a camera that is switched off and on again', async ({ call }) => {
  const { people } = await call(['Jan', 'Kim']);
  const [jan, kim] = people;
  await jan.watches('Kim');
  await kim.turn('Camera', false);
  await until('Jan no longer gets a picture', async () => (await jan.tile('Kim'))?.picture.length === 0);
  await kim.turn('Camera', true);
  await jan.watches('Kim');
});

scene('two windows of one person are one after the other in a call', async ({ call }) => {
  const { slug, people } = await call(['Lea', 'Max']);
  const [lea, max] = people;
  await max.watches('Lea');
  const second = Object.assign(Object.create(lea), { driver: await lea.driver.another() });
  await second.enter(slug);
  await second.join();
  await second.watches('Max');
  await max.watches('Lea');
});
