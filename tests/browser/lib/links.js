// Calls over bad links: people behind relays, and what they see and hear.
import {
  concealment,
  frameRate,
  heights,
  layers,
  leastSound,
  longestSilence,
  longestStop,
  unseen,
} from './received.js';
import { Relay } from './relay.js';
import { world } from './world.js';

/** What people call a call that goes on: no picture stands still for longer, and no voice is gone for longer. */
export const STOP_MS_MAX = 2_000;
/** A stretch over which sound is judged: some words. */
export const WORDS_MS = 2_000;

/** Longest scene: half a minute is watched, on two cores that also encode and decode. */
const SCENE_MS = 150_000;

/** What declares the scenes of a file, as `world` does, with the time that such scenes take. */
export function linkScenes() {
  const begin = world();
  return (name, play) => begin(name, play, { sceneMs: SCENE_MS });
}

/** Plays with relays, one for each name, and closes them. */
export async function withRelays(server, names, play) {
  const relays = [];
  try {
    for (const [index] of names.entries()) relays.push(await Relay.open(server.udpPorts, index + 1));
    await play(...relays);
  } finally {
    Relay.hurry(false);
    for (const relay of relays) relay.close();
  }
}

/** Two people in a call, each behind a relay, who see each other. */
export async function meet({ room, person }, people, relays) {
  const slug = await room();
  const met = [];
  for (const [index, { name, browser, ...devices }] of people.entries()) {
    const someone = await person(name, { browser });
    await someone.joinThrough(relays[index], slug, devices);
    met.push(someone);
  }
  return met;
}

/** What was seen of `name` and heard, for the report of a run. */
export function tell(t, who, samples, name) {
  const rate = frameRate(samples, name).toFixed(1);
  const shown = `${rate} frames/s, heights ${heights(samples, name)}, layers ${layers(samples).join(' → ')}`;
  const [stop, silence] = [longestStop(samples, name), longestSilence(samples)].map((ms) => `${ms.toFixed()} ms`);
  const concealed = `${(100 * concealment(samples, WORDS_MS)).toFixed(1)} %`;
  const least = `${(100 * leastSound(samples, WORDS_MS)).toFixed()} %`;
  t.diagnostic(
    `${who}: ${shown}, stands still ${stop}, no sound ${silence}, least sound ${least}, made up ${concealed}, unseen ${(100 * unseen(samples)).toFixed()} %`,
  );
}
