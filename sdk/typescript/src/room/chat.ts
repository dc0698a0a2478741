import { type ChangeEvents, Observable } from '../emitter.ts';
import { BoltorezkaError, codeOf } from '../errors.ts';
import type { Message, MessageSent } from '../proto.ts';
import type { Gateway } from '../realtime/gateway.ts';
import { ChatLog } from './chat-log.ts';
import { Outbox, type OutboxStorage, type PendingMessage } from './outbox.ts';

/** Messages asked for at a time. */
const PAGE_SIZE = 50;

/** Wait after `rate_limited` when the server names none. */
const RATE_LIMITED_WAIT_MS = 2_000;

export interface ChatOptions {
  /** Where unsent messages outlive the page; also needs `userId`. */
  storage?: OutboxStorage;
  userId?: string;
}

export interface ChatEvents extends ChangeEvents {
  /** Someone said something; not for what history brought. */
  message: Message;
}

/** Chat of a room: history, what is said now, and what is on its way. */
export class Chat extends Observable<ChatEvents> {
  readonly #gateway: Gateway;
  readonly #slug: string;
  readonly #log = new ChatLog();
  readonly #outbox: Outbox;
  #cursor: string | undefined;
  #hasMore = true;
  #isLoading = false;
  #loadError: BoltorezkaError | undefined;
  #isLoaded = false;
  #isSending = false;

  constructor(gateway: Gateway, slug: string, options: ChatOptions = {}) {
    super();
    this.#gateway = gateway;
    this.#slug = slug;
    // Without an account in the key, one person's messages could be sent by another at the same browser.
    const { userId, storage } = options;
    const kept = userId === undefined ? undefined : storage;
    this.#outbox = new Outbox(`boltorezka.outbox.${userId}.${slug}`, Date.now(), kept);
  }

  /** Oldest first. */
  get messages(): readonly Message[] {
    return this.#log.messages;
  }

  get pending(): readonly PendingMessage[] {
    return this.#outbox.pending;
  }

  /** Whether there are older messages. */
  get hasMore(): boolean {
    return this.#hasMore;
  }

  get isLoading(): boolean {
    return this.#isLoading;
  }

  /** Whether the newest page has been there. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Why the last attempt to load history failed. */
  get loadError(): BoltorezkaError | undefined {
    return this.#loadError;
  }

  /** Queues a message. It is sent as soon as there is a connection, once, in order. */
  send(text: string, replyTo?: string): void {
    if (this.#outbox.isFull) {
      throw new BoltorezkaError('too_large', 'Too many messages wait to be sent. Wait for the connection.');
    }
    const message = { key: crypto.randomUUID(), text, createdAtMs: Date.now() };
    this.#outbox.add(replyTo === undefined ? message : { ...message, replyTo });
    this.changed();
    void this.flush();
  }

  /** Another try for a failed message. */
  retry(key: string): void {
    this.#outbox.retry(key);
    this.changed();
    void this.flush();
  }

  /** Gives a message up. */
  discard(key: string): void {
    this.#outbox.remove(key);
    this.changed();
  }

  /** Loads the page before the oldest message. */
  async loadMore(): Promise<void> {
    if (this.#isLoading || !this.#hasMore) return;
    await this.#load(this.#cursor);
  }

  /** After (re)joining: what was said meanwhile, then what waits to be sent. */
  async catchUp(): Promise<void> {
    void this.flush();
    if (!this.#isLoading) await this.#load(undefined);
  }

  /** Takes `message.new`. */
  receive(message: Message): void {
    if (this.#log.add([message]) === 0) return;
    // Our own message may come back before its `ack`: it is stored, so it no longer waits.
    const sending = this.#outbox.toSend[0];
    if (this.#isSending && message.senderId === this.#gateway.user?.id && message.text === sending?.text) {
      this.#outbox.remove(sending.key);
    }
    this.changed();
    this.emit('message', message);
  }

  /** Sends what waits, one after the other, so that order holds. */
  async flush(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (let next = this.#outbox.toSend[0]; next; next = this.#outbox.toSend[0]) {
        if (!(await this.#sendOne(next))) break;
        this.changed();
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** Says whether to go on with the next one. */
  async #sendOne(message: PendingMessage): Promise<boolean> {
    try {
      const payload = { room: this.#slug, text: message.text };
      const sent = (await this.#gateway.request(
        'message.send',
        message.replyTo === undefined ? payload : { ...payload, replyTo: message.replyTo },
        { idempotencyKey: message.key },
      )) as MessageSent;
      this.#outbox.remove(message.key);
      this.#log.add([sent.message]);
      return true;
    } catch (error) {
      const code = codeOf(error);
      // It waits for the next connection: `catchUp` sends it again.
      if (code === 'connection_lost' || code === 'not_joined') return false;
      if (code === 'rate_limited') {
        const waitMs = (error instanceof BoltorezkaError && error.retryAfterMs) || RATE_LIMITED_WAIT_MS;
        setTimeout(() => void this.flush(), waitMs);
        return false;
      }
      this.#outbox.fail(message.key, error instanceof Error ? error.message : 'It could not be sent.');
      return true;
    }
  }

  async #load(cursor: string | undefined): Promise<void> {
    this.#isLoading = true;
    this.changed();
    try {
      const options = cursor === undefined ? { limit: PAGE_SIZE } : { cursor, limit: PAGE_SIZE };
      const page = await this.#gateway.client.messages(this.#slug, options);
      const overlaps = page.items.some((message) => this.#log.has(message.id));
      const isNewest = cursor === undefined;
      // More was said while we were away than a page holds: start anew rather than leave a hole.
      if (isNewest && this.#isLoaded && !overlaps && page.nextCursor !== undefined) this.#log.clear();
      const isFirst = this.#log.messages.length === 0;
      this.#log.add(page.items);
      if (!isNewest || isFirst || !this.#isLoaded) {
        this.#cursor = page.nextCursor;
        this.#hasMore = page.nextCursor !== undefined;
      }
      this.#isLoaded = true;
      this.#loadError = undefined;
    } catch (error) {
      this.#loadError = error instanceof BoltorezkaError ? error : new BoltorezkaError('network', String(error));
    }
    this.#isLoading = false;
    this.changed();
  }
}
