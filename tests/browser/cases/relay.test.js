// The relay itself: what it does to datagrams must be known before anything is said about those who suffer it.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { Link, Relay } from '../lib/relay.js';
import { sleep, until } from '../lib/wait.js';

const media = Buffer.alloc(1_000, 0x80);

/** A link with these conditions; when each of `count` datagrams arrives that come in every `intervalMs`. */
function arrivals(conditions, count, intervalMs, seed = 7) {
  const link = new Link(seed);
  link.conditions = { ...link.conditions, ...conditions };
  return Array.from({ length: count }, (_, index) => link.arrival(index * intervalMs, media));
}

test('a perfect link changes nothing', () => {
  assert.deepEqual(arrivals({}, 3, 10), [0, 10, 20]);
});

test('a share is lost, the same with the same seed', () => {
  const lost = (seed) => arrivals({ lossRatio: 0.05 }, 10_000, 1, seed).map((at) => at === undefined);
  assert.deepEqual(lost(1), lost(1));
  assert.notDeepEqual(lost(1), lost(2));
  const count = lost(1).filter(Boolean).length;
  assert.ok(count > 420 && count < 580, `${count} of 10,000`);
});

test('delay and jitter keep the order', () => {
  const all = arrivals({ delayMs: 100, jitterMs: 30 }, 1_000, 1);
  const delays = all.map((at, index) => at - index);
  assert.ok(Math.min(...delays) >= 100 && Math.max(...delays) <= 130);
  assert.ok(Math.max(...delays) - Math.min(...delays) > 20);
  assert.deepEqual(
    all.toSorted((one, other) => one - other),
    all,
  );
});

test('a narrow link lets its rate through, and its queue is bounded', () => {
  // Twice the rate: 1,000 bytes take 16 ms.
  const all = arrivals({ bitrateBps: 500_000, queueMs: 200 }, 1_000, 8);
  const carried = all.filter((at) => at !== undefined);
  assert.ok(Math.abs(carried.length - 500) < 20, `${carried.length} of 1,000`);
  const waits = all.flatMap((at, index) => (at === undefined ? [] : [at - index * 8]));
  assert.ok(Math.max(...waits) > 190 && Math.max(...waits) <= 216, `${Math.max(...waits)} ms`);
});

test('checks alone can be lost', () => {
  const link = new Link(1);
  link.conditions = { ...link.conditions, losesChecks: true };
  assert.equal(link.arrival(0, Buffer.from([0, 1])), undefined);
  assert.equal(link.arrival(0, media), 0);
});

test('datagrams go both ways, late as said, and from other ports after a move', async () => {
  const [server, client] = [createSocket('udp4'), createSocket('udp4')];
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const sources = [];
  server.on('message', (datagram, { port, address }) => {
    sources.push(port);
    server.send(datagram, port, address);
  });
  const answers = [];
  client.on('message', (datagram) => answers.push(`${datagram}`));
  const { port: serverPort } = server.address();
  const relay = await Relay.open([serverPort], 1);
  try {
    const [[, port]] = relay.ports;
    relay.set({ delayMs: 40 });
    const begun = performance.now();
    for (const text of ['a', 'b', 'c']) client.send(text, port, '127.0.0.1');
    await until('all are answered', () => answers.length === 3, { intervalMs: 1 });
    const tookMs = performance.now() - begun;
    assert.ok(tookMs >= 80 && tookMs < 1_000, `${tookMs} ms`);
    assert.deepEqual(answers, ['a', 'b', 'c']);

    relay.set({ delayMs: 0, up: { delayMs: 100 } });
    client.send('moved', port, '127.0.0.1');
    await sleep(20);
    relay.rebind();
    client.send('after', port, '127.0.0.1');
    await until('the server hears from another port', () => new Set(sources).size === 2);
    await until('that is answered', () => answers.includes('after'));
    assert.equal(sources[0], sources[2]);

    relay.set({ down: { lossRatio: 1 } });
    client.send('lost', port, '127.0.0.1');
    await until('nothing more arrives', () => relay.counts.down.lost === 1);
    assert.ok(!answers.includes('lost'));
  } finally {
    relay.close();
    server.close();
    client.close();
  }
});
