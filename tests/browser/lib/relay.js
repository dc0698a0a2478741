// A bad network between one browser and the server: a UDP relay that loses, delays, narrows, and can move to other ports.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setPriority } from 'node:os';

/** Above all that decodes and encodes. */
const HURRY = -10;

/** A perfect link. A scene changes what it needs; both directions are told apart. */
const PERFECT = {
  lossRatio: 0,
  losesChecks: false,
  delayMs: 0,
  jitterMs: 0,
  bitrateBps: Number.POSITIVE_INFINITY,
  queueMs: 300,
};

/** One direction. It decides when a datagram arrives, from the time that it is given and a seed: it has no clock. */
export class Link {
  conditions = PERFECT;
  /** Datagrams that arrive, were lost by chance, and found the queue full. */
  counts = { carried: 0, lost: 0, overflowed: 0 };
  #random;
  #idleAt = 0;
  #lastArrival = 0;

  constructor(seed) {
    this.#random = generator(seed);
  }

  /** When a datagram that comes in at `nowMs` arrives, never before an earlier one; `undefined` when it does not. */
  arrival(nowMs, datagram) {
    const { lossRatio, losesChecks, delayMs, jitterMs, bitrateBps, queueMs } = this.conditions;
    // STUN begins with a byte below 4 (RFC 7983).
    if (this.#random() < lossRatio || (losesChecks && datagram[0] < 4)) {
      this.counts.lost += 1;
      return undefined;
    }
    const leaves = Math.max(nowMs, this.#idleAt);
    if (leaves - nowMs > queueMs) {
      this.counts.overflowed += 1;
      return undefined;
    }
    this.counts.carried += 1;
    this.#idleAt = leaves + (datagram.length * 8_000) / bitrateBps;
    this.#lastArrival = Math.max(this.#lastArrival, this.#idleAt + delayMs + jitterMs * this.#random());
    return this.#lastArrival;
  }
}

/** All datagrams between one browser and the server's ports. */
export class Relay {
  #links;
  #fronts = [];
  /** By the browser's address and the server's port: the socket that the server sees, as a NAT would have it. */
  #backs = new Map();
  #waiting = { up: [], down: [] };

  /** Opens one port for each of the server's. */
  static async open(serverPorts, seed) {
    const relay = new Relay();
    relay.#links = { up: new Link(seed), down: new Link(seed + 1) };
    for (const serverPort of serverPorts) {
      const front = createSocket('udp4');
      front.bind(0);
      await once(front, 'listening');
      front.on('message', (datagram, client) => relay.#fromClient(front, serverPort, datagram, client));
      relay.#fronts.push([serverPort, front]);
    }
    return relay;
  }

  /**
   * A network does not slow down with the machine: what all relays carry goes before other work, where that may be asked for.
   * What is started meanwhile would do so too.
   */
  static hurry(isHurrying = true) {
    try {
      setPriority(isHurrying ? HURRY : 0);
    } catch {
      // Only root may.
    }
  }

  /** Pairs of a port of the server and the one that stands for it. */
  get ports() {
    return this.#fronts.map(([serverPort, front]) => [serverPort, front.address().port]);
  }

  /** What was carried and lost so far in each direction. */
  get counts() {
    return { up: { ...this.#links.up.counts }, down: { ...this.#links.down.counts } };
  }

  /** Changes both directions, or `up` (to the server) and `down` alone. What is on its way keeps its time. */
  set({ up = {}, down = {}, ...both }) {
    for (const [direction, own] of Object.entries({ up, down })) {
      const link = this.#links[direction];
      link.conditions = { ...link.conditions, ...both, ...own };
    }
  }

  /** The browser is seen under other ports from now on; nothing that is sent to the old ones arrives. */
  rebind() {
    for (const back of this.#backs.values()) back.close();
    this.#backs.clear();
  }

  close() {
    this.rebind();
    for (const [, front] of this.#fronts) front.close();
    this.#fronts = [];
    for (const waiting of Object.values(this.#waiting)) {
      clearTimeout(waiting.timer);
      waiting.length = 0;
    }
  }

  #fromClient(front, serverPort, datagram, client) {
    const key = `${client.address}:${client.port}:${serverPort}`;
    if (!this.#backs.has(key)) {
      const back = createSocket('udp4');
      back.on('message', (answer) =>
        this.#carry('down', answer, () => front.send(answer, client.port, client.address)),
      );
      // Nobody listens there while the server restarts.
      back.on('error', () => {});
      this.#backs.set(key, back);
    }
    // Under the address of the moment at which it leaves, not of that at which it came.
    this.#carry('up', datagram, () => this.#backs.get(key)?.send(datagram, serverPort, '127.0.0.1'));
  }

  #carry(direction, datagram, send) {
    const at = this.#links[direction].arrival(performance.now(), datagram);
    if (at === undefined) return;
    const waiting = this.#waiting[direction];
    waiting.push({ at, send });
    if (waiting.length === 1) this.#wait(waiting);
  }

  /** One timer for each direction: several would not keep the order of datagrams of the same millisecond. */
  #wait(waiting) {
    const deliver = () => {
      while (waiting.length > 0 && waiting[0].at <= performance.now()) waiting.shift().send();
      if (waiting.length > 0) this.#wait(waiting);
    };
    const inMs = waiting[0].at - performance.now();
    if (inMs <= 0) deliver();
    else waiting.timer = setTimeout(deliver, inMs);
  }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
