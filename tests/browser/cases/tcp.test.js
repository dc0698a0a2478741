// A browser whose network blocks UDP.
import assert from 'node:assert/strict';
import { until } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

scene('without UDP one sees, is seen and is heard over TCP', async ({ room, person }) => {
  const slug = await room();
  const ann = await person('Ann');
  const ben = await person('Ben');
  await ben.driver.evaluate(() => sessionStorage.setItem('withoutUdp', ''));
  for (const each of [ann, ben]) {
    await each.arrive(slug);
    await each.join();
  }
  await ben.watches('Ann', 30);
  await ann.watches('Ben', 30);
  await ben.turn('Microphone', true);
  await ann.hears();
  const carrier = (someone) => someone.driver.evaluate(() => window.probe.carrier());
  assert.deepEqual([await carrier(ann), await carrier(ben)], ['udp', 'tcp']);
  // What is said over the data channel takes effect too.
  await ben.turn('Camera', false);
  await until('Ann no longer gets a picture', async () => (await ann.tile('Ben'))?.picture.length === 0);
  await ben.turn('Camera', true);
  await ann.watches('Ben');
});
