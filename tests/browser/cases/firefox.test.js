// Firefox and Chromium in one call.
import { world } from '../lib/world.js';

const scene = world();

scene('Firefox and Chromium see, hear and read each other', async (world) => {
  const { slug, people } = await world.call(['Ann']);
  const [ann] = people;
  const fox = await world.person('Fox', { browser: 'firefox' });
  await fox.arrive(slug);
  await fox.join();
  await fox.watches('Ann');
  await ann.watches('Fox');

  await fox.turn('Microphone', true);
  await ann.hears();
  await fox.turn('Microphone', false);
  await ann.hearsNothing();
  await ann.turn('Microphone', true);
  await fox.hears();

  await ann.write('Hello Fox');
  await fox.reads('Hello Fox');
  await fox.write('Hello Ann');
  await ann.reads('Hello Ann');

  await fox.leave();
  await ann.loses('Fox');
  await fox.join();
  await fox.watches('Ann');
  await ann.watches('Fox');
});
