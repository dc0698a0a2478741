interface Counts {
  received: number;
  lost: number;
}

/** The share of packets that got lost on their way to us, from successive `getStats` reports. */
export class LossMeter {
  #last: Counts | undefined;

  /** Loss since the report before, 0 to 1. */
  ratio(report: Iterable<{ type: string; packetsReceived?: number; packetsLost?: number }>): number {
    const now: Counts = { received: 0, lost: 0 };
    for (const stats of report) {
      if (stats.type !== 'inbound-rtp') continue;
      now.received += stats.packetsReceived ?? 0;
      now.lost += stats.packetsLost ?? 0;
    }
    const received = now.received - (this.#last?.received ?? now.received);
    // Packets that arrive late are taken off the count again, so a difference may be negative.
    const lost = Math.max(0, now.lost - (this.#last?.lost ?? now.lost));
    this.#last = now;
    return received + lost <= 0 ? 0 : lost / (received + lost);
  }
}
