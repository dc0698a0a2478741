// A participant without a browser: the command line client and Chromium see and hear each other.
import assert from 'node:assert/strict';
import { Headless } from '../lib/headless.js';
import { world } from '../lib/world.js';

const scene = world();

/** Long enough for a browser to see, hear and speak. */
const SECONDS = 25;

scene('the command line client and a browser see and hear each other', async ({ call, server }) => {
  const robot = new Headless();
  try {
    await robot.encode(SECONDS);
    const { slug, people } = await call(['Ann']);
    const [ann] = people;
    await ann.hearsNothing();

    const token = await server.joinToken(server.apiKey('browser tests'), slug, 'Robot');
    robot.start(server.origin, token, SECONDS);
    await ann.watches('Robot');
    await ann.hears();
    await ann.turn('Microphone', true);
    assert.equal(await robot.ended(), 0, robot.output);
    await ann.loses('Robot');
    await ann.hearsNothing();

    const frames = await robot.recorded('-camera.ivf');
    assert.ok(frames > SECONDS, `only ${frames} frames of Ann's camera decode`);
    const loudness = await robot.loudness('-microphone.ogg');
    assert.ok(loudness > -60, `Ann's beeps were recorded at ${loudness} dB`);
  } finally {
    robot.dispose();
  }
});
