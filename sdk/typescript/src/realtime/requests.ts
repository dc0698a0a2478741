import { BoltorezkaError } from '../errors.ts';
import type { Answer } from '../proto.ts';

/** How long one try may wait for its answer. */
export const ANSWER_TIMEOUT_MS = 6_000;

/** How often a request is sent before it counts as failed. */
export const TRIES_MAX = 3;

/** A client frame of the gateway. */
export interface Frame {
  type: string;
  requestId: string;
  idempotencyKey?: string;
  payload: unknown;
}

export interface RequestOptions {
  /** Makes a write happen once, however often it is sent. */
  idempotencyKey?: string;
  /** Tries in all; `TRIES_MAX` when absent. */
  triesMax?: number;
}

interface Pending {
  frame: Frame;
  triesLeft: number;
  deadlineMs: number;
  resolve: (payload: unknown) => void;
  reject: (error: BoltorezkaError) => void;
}

/**
 * Requests that wait for their `ack` or `nack`.
 *
 * A request that is sent again keeps its `requestId` and `idempotencyKey`; the first answer counts, later ones are
 * ignored. Time comes in as `nowMs`: call `tick` at least once a second.
 */
export class RequestTable {
  readonly #pending = new Map<string, Pending>();
  readonly #send: (frame: Frame) => void;
  #lastId = 0;

  constructor(send: (frame: Frame) => void) {
    this.#send = send;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Sends a request. The promise has the `ack`'s payload, or rejects with the `nack`'s code. */
  request(type: string, payload: unknown, nowMs: number, options: RequestOptions = {}): Promise<unknown> {
    this.#lastId += 1;
    const frame: Frame = { type, requestId: String(this.#lastId), payload };
    if (options.idempotencyKey !== undefined) frame.idempotencyKey = options.idempotencyKey;
    return new Promise((resolve, reject) => {
      const triesLeft = (options.triesMax ?? TRIES_MAX) - 1;
      const deadlineMs = nowMs + ANSWER_TIMEOUT_MS;
      this.#pending.set(frame.requestId, { frame, triesLeft, deadlineMs, resolve, reject });
      this.#send(frame);
    });
  }

  /** Takes an answer. Says whether it belonged to a waiting request. */
  settle(answer: Answer): boolean {
    const pending = this.#pending.get(answer.requestId);
    if (!pending) return false;
    this.#pending.delete(answer.requestId);
    if (answer.type === 'ack') pending.resolve(answer.payload);
    else pending.reject(new BoltorezkaError(answer.code, answer.message, answer.retryAfterMs));
    return true;
  }

  /** Sends again what has waited too long, and fails what has been sent often enough. */
  tick(nowMs: number): void {
    for (const [id, pending] of [...this.#pending]) {
      if (nowMs < pending.deadlineMs) continue;
      if (pending.triesLeft > 0) {
        pending.triesLeft -= 1;
        pending.deadlineMs = nowMs + ANSWER_TIMEOUT_MS;
        this.#send(pending.frame);
      } else {
        this.#pending.delete(id);
        pending.reject(new BoltorezkaError('timeout', 'The server did not answer in time. Try again.'));
      }
    }
  }

  /** The socket is gone: nothing that waits will be answered. */
  failAll(): void {
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of lost) {
      reject(new BoltorezkaError('connection_lost', 'The connection to the server was lost.'));
    }
  }
}
