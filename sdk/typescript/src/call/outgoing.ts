/** How long a state may stay without an answer before it is sent again. */
export const RESEND_MS = 3_000;

/**
 * A state of the client that the shard should have: sent whole, under a revision that grows, again until it is
 * acknowledged or refused. Only the latest state matters.
 */
export class Outgoing<State> {
  #rev = 0;
  #settledRev = 0;
  #sentAtMs = 0;
  #state: State | undefined;
  #text = '';
  readonly #post: (rev: number, state: State) => void;

  constructor(post: (rev: number, state: State) => void) {
    this.#post = post;
  }

  /** Sends `state` when it differs from the one before. */
  set(state: State, nowMs: number): void {
    const text = JSON.stringify(state);
    if (text === this.#text) return;
    this.#text = text;
    this.#state = state;
    this.#rev += 1;
    this.#sentAtMs = nowMs;
    this.#post(this.#rev, state);
  }

  /** On a new channel: the other side knows nothing, so the next state is sent whatever it is. */
  restart(): void {
    this.#text = '';
    this.#state = undefined;
  }

  /** The shard took this revision, or refused it: an older one does not count any more either. */
  settle(rev: number): void {
    this.#settledRev = Math.max(this.#settledRev, rev);
  }

  /** Sends again what stayed without an answer. */
  tick(nowMs: number): void {
    if (this.#settledRev >= this.#rev || this.#state === undefined || nowMs - this.#sentAtMs < RESEND_MS) return;
    this.#sentAtMs = nowMs;
    this.#post(this.#rev, this.#state);
  }
}
