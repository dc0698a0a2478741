import type { Attachment } from '../proto.ts';

/** Most messages that wait to be sent. More are refused, so that a dead line does not eat the memory. */
export const PENDING_MAX = 100;

/** How long an unsent message is kept, also over reloads of the page. */
export const KEPT_MS = 24 * 3_600_000;

/** What a message may have beside its text. */
export interface MessageExtras {
  /** The message that it answers. */
  readonly replyTo?: string;
  /** Whom it mentions, by user id. */
  readonly mentions?: readonly string[];
  /** What was uploaded for it. */
  readonly attachments?: readonly Attachment[];
}

/** A message on its way. */
export interface PendingMessage extends MessageExtras {
  /** Idempotency key: however often it is sent, it is stored once. */
  readonly key: string;
  readonly text: string;
  readonly createdAtMs: number;
  /** `failed` ones were refused and wait for a person's decision. */
  readonly state: 'sending' | 'failed';
  /** Why it failed, for people. */
  readonly error?: string;
}

/** Where an outbox outlives the page: `localStorage` has this shape. */
export interface OutboxStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** Chat messages that the server has not confirmed, oldest first. */
export class Outbox {
  #pending: readonly PendingMessage[] = [];
  readonly #storage: OutboxStorage | undefined;
  readonly #storageKey: string;

  constructor(storageKey: string, nowMs: number, storage?: OutboxStorage) {
    this.#storageKey = storageKey;
    this.#storage = storage;
    this.#pending = this.#load().filter((message) => nowMs - message.createdAtMs < KEPT_MS);
  }

  get pending(): readonly PendingMessage[] {
    return this.#pending;
  }

  /** The messages to send now, in order. */
  get toSend(): readonly PendingMessage[] {
    return this.#pending.filter((message) => message.state === 'sending');
  }

  get isFull(): boolean {
    return this.#pending.length >= PENDING_MAX;
  }

  add(message: Omit<PendingMessage, 'state' | 'error'>): void {
    this.#set([...this.#pending, { ...message, state: 'sending' }]);
  }

  /** It is stored, or was given up. */
  remove(key: string): void {
    this.#set(this.#pending.filter((message) => message.key !== key));
  }

  fail(key: string, error: string): void {
    this.#set(this.#pending.map((message) => (message.key === key ? { ...message, state: 'failed', error } : message)));
  }

  /** Back into the queue, under the same key. */
  retry(key: string): void {
    this.#set(
      this.#pending.map((message) => {
        if (message.key !== key) return message;
        const { error: _, ...rest } = message;
        return { ...rest, state: 'sending' };
      }),
    );
  }

  #set(pending: readonly PendingMessage[]): void {
    this.#pending = pending;
    try {
      if (pending.length === 0) this.#storage?.removeItem(this.#storageKey);
      else this.#storage?.setItem(this.#storageKey, JSON.stringify(pending));
    } catch {
      // A full or forbidden storage costs only the survival of a reload.
    }
  }

  #load(): PendingMessage[] {
    try {
      const stored: unknown = JSON.parse(this.#storage?.getItem(this.#storageKey) ?? '[]');
      return Array.isArray(stored) ? stored.filter(isPending).slice(0, PENDING_MAX) : [];
    } catch {
      return [];
    }
  }
}

function isPending(value: unknown): value is PendingMessage {
  if (typeof value !== 'object' || value === null) return false;
  const message = value as Record<string, unknown>;
  return (
    typeof message.key === 'string' &&
    typeof message.text === 'string' &&
    typeof message.createdAtMs === 'number' &&
    (message.mentions === undefined || Array.isArray(message.mentions)) &&
    (message.attachments === undefined || Array.isArray(message.attachments)) &&
    (message.state === 'sending' || message.state === 'failed')
  );
}
