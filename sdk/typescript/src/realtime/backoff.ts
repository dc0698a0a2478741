/** Waits before the first, second, … try. The last one repeats. */
const DELAYS_MS = [1_000, 2_000, 4_000, 8_000, 12_000];

/** Share of a delay that chance adds or takes, so that clients do not come back all at once. */
const JITTER_RATIO = 0.25;

/** How long to wait before another try, growing with each try in a row. */
export class Backoff {
  #tries = 0;
  readonly #random: () => number;

  /** `random` gives numbers from 0 to 1. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Tries since the last `reset`. */
  get tries(): number {
    return this.#tries;
  }

  /** Counts a try and says how long to wait before it, in milliseconds. */
  nextMs(): number {
    const base = DELAYS_MS[Math.min(this.#tries, DELAYS_MS.length - 1)] ?? 0;
    this.#tries += 1;
    return Math.round(base * (1 + JITTER_RATIO * (2 * this.#random() - 1)));
  }

  /** After success: the next wait is a short one again. */
  reset(): void {
    this.#tries = 0;
  }
}
