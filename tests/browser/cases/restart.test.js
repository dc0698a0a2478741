// The control plane dies in the middle of a call.
import assert from 'node:assert/strict';
import { sleep } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

scene('a call goes on while the control plane is dead, and both agree again', async ({ call, server }) => {
  const { slug, people } = await call(['Ann', 'Ben']);
  const [ann, ben] = people;
  await ann.watches('Ben');
  await ben.watches('Ann');
  const mediaPid = server.mediaPid;

  await server.kill();
  await ann.watches('Ben', 15);
  // Longer than any buffer, and than the first tries to reconnect.
  await sleep(4_000);
  await ann.watches('Ben', 15);
  await ben.watches('Ann', 15);

  await server.launch();
  assert.equal(server.mediaPid, mediaPid, 'the media node must be kept');
  await ann.watches('Ben', 15);
  await ann.write('We are still here');
  await ben.reads('We are still here');
  const { items } = await ann.api('GET', `/v1/rooms/${slug}/participants`);
  assert.deepEqual(items.map((item) => [item.displayName, item.call]).sort(), [
    ['Ann', 'connected'],
    ['Ben', 'connected'],
  ]);

  // The same connections carried on: nobody had to join again.
  await ann.watches('Ben', 15);
  await ben.watches('Ann', 15);
  await ben.leave();
  await ann.loses('Ben');
});
