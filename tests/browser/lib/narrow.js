// A link that narrows for a while, and what people are to see and hear then.
import assert from 'node:assert/strict';
import { STOP_MS_MAX, WORDS_MS } from './links.js';
import { layers, leastSound, longestSilence, longestStop, unseen } from './received.js';
import { Relay } from './relay.js';
import { sleep, until } from './wait.js';

/** A narrow link, and for how long it is narrow and wide again. */
const NARROW_BPS = 500_000;
const NARROW_MS = 12_000;
const WIDE_AGAIN_MS = 15_000;
/** A wide link. What the browsers send is not delayed: the relay's timers waver on a busy machine, and browsers send less then. */
export const FAST = { down: { delayMs: 20 } };
/** More than this of a scene may not go unseen: then it shows nothing. */
const UNSEEN_RATIO_MAX = 0.3;
/** Until the browsers themselves send all that they could: they begin carefully, on a busy machine for long. */
const FULL_PATIENCE_MS = 45_000;

/** Waits until all whom `people` lists are sent the best encoding. */
export function seeTheBest(people) {
  const told = () => Promise.all(people.map((someone) => someone.driver.evaluate(() => window.probe.layers())));
  const areBest = (all) => all.every((layers) => layers.length > 0 && layers.every((layer) => layer.startsWith('f')));
  Relay.hurry();
  return until('all are sent the best encoding', async () => areBest(await told()), { patienceMs: FULL_PATIENCE_MS });
}

/** Narrows what leads to some people, and widens it again. */
export async function narrowForAWhile(relays) {
  for (const relay of relays) relay.set({ down: { bitrateBps: NARROW_BPS } });
  await sleep(NARROW_MS);
  for (const relay of relays) relay.set({ down: { bitrateBps: Number.POSITIVE_INFINITY } });
  await sleep(WIDE_AGAIN_MS);
}

/** The picture went down and up again, never stood for longer than it may, and sound went on. */
export function wentDownAndUp(who, samples, name, stopMsMax = STOP_MS_MAX) {
  assert.ok(unseen(samples) < UNSEEN_RATIO_MAX, `the machine had no time for ${who}'s page`);
  // Fewer frames of the same encoding are less, too; the server says that it is for want of bandwidth.
  const told = layers(samples).filter((layer) => layer !== '');
  assert.ok(
    told.some((layer) => /bandwidth|paused/.test(layer)),
    `${who} is sent all of ${name} over a narrow link`,
  );
  // A browser on a busy machine may send less by itself than it did before: that is not for want of a link.
  assert.match(told.at(-1), /best|size/, `${who}'s picture of ${name} did not come back`);
  assert.ok(longestStop(samples, name) < stopMsMax, `${who}'s picture of ${name} stood still`);
  assert.ok(longestSilence(samples) < STOP_MS_MAX, `${who} hears nothing`);
  // While the queue of the link is full, some of the voices is lost as well.
  assert.ok(leastSound(samples, WORDS_MS) > 0.5, `${who} hears ${name} badly`);
}
