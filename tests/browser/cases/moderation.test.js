// A revocation takes the media at once.
import assert from 'node:assert/strict';
import { sleep } from '../lib/wait.js';
import { world } from '../lib/world.js';

const scene = world();

/** From the commit of a revocation to the last packet, in milliseconds. */
const REVOKED_WITHIN_MS = 200;

scene('who is kicked gets and gives nothing more within 200 ms, and is told why', async ({ call, owner }, t) => {
  const { slug, people } = await call(['Ann', 'Ben']);
  const [ann, ben] = people;
  await ann.watches('Ben');
  await ben.watches('Ann');
  const { key } = await ann.tile('Ben');

  // Looks often, because the statistics end with the connection.
  for (const person of people) {
    await person.driver.evaluate((key) => {
      window.last = { all: 0, tile: 0 };
      setInterval(async () => {
        window.last.all = Math.max(window.last.all, await window.probe.lastPacketMs());
        const tile = (await window.probe.tiles()).find((tile) => tile.key === key);
        window.last.tile = Math.max(window.last.tile, tile?.lastPacketMs ?? 0);
      }, 20);
    }, key);
  }
  await sleep(500);
  const before = Date.now();
  await owner.api('POST', `/v1/rooms/${slug}/participants/${key}/kick`);
  // The commit lies between the request and its answer: the answer is the latest that it can be.
  const committed = Date.now();
  await ben.reads('You were removed');
  await ann.loses('Ben');
  await sleep(500);

  const received = (await ben.driver.evaluate(() => window.last.all)) - committed;
  const sent = (await ann.driver.evaluate(() => window.last.tile)) - committed;
  t.diagnostic(
    `kick: answered after ${committed - before} ms; last packet to Ben ${received.toFixed(0)} ms, from Ben ${sent.toFixed(0)} ms after`,
  );
  assert.ok(received > -5_000 && sent > -5_000, 'the probe saw packets before the kick');
  assert.ok(received < REVOKED_WITHIN_MS, `Ben still got media ${received} ms after`);
  assert.ok(sent < REVOKED_WITHIN_MS, `Ann still got Ben's media ${sent} ms after`);

  // A kick is not a ban.
  await ben.driver.click('button', 'Enter again');
  await ben.join();
  await ann.watches('Ben');
});

scene('a deleted room ends its call', async ({ call, owner }) => {
  const { slug, people } = await call(['Cid', 'Dan']);
  await people[0].watches('Dan');
  await owner.api('DELETE', `/v1/rooms/${slug}`);
  for (const person of people) {
    await person.reads('The room is gone');
    assert.equal(await person.driver.evaluate(() => window.probe.connectionCount()), 0);
  }
});
