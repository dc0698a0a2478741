// How long joining takes: from the offer to the first decoded frame, over loopback.
import assert from 'node:assert/strict';
import { world } from '../lib/world.js';

const scene = world();

const JOINS = 100;

/** A limit that only something broken exceeds; the figures themselves are printed. */
const P95_MS_MAX = 1_500;

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];

scene(
  'a hundred joins',
  async ({ call }, t) => {
    const { people } = await call(['Ann', 'Ben']);
    const [, ben] = people;
    await ben.watches('Ann');
    // Only the way towards Ben is measured, so Ben's own camera stays off.
    await ben.turn('Camera', false);
    await ben.leave();
    const times = await ben.driver.evaluate((count) => window.probe.joinTimes(count), JOINS);
    const sorted = times.toSorted((a, b) => a - b);
    const [p50, p95] = [0.5, 0.95].map((q) => quantile(sorted, q));
    t.diagnostic(
      `join: offer sent to first decoded frame, ${JOINS} joins: p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, max ${sorted.at(-1).toFixed(0)} ms`,
    );
    assert.ok(p95 < P95_MS_MAX, `p95 is ${p95} ms`);
  },
  { sceneMs: 300_000 },
);
