import { type ChangeEvents, Observable } from '../emitter.ts';
import { BoltorezkaError, codeOf } from '../errors.ts';
import type { ChatDelta, Message, MessageSent } from '../proto.ts';
import type { Gateway } from '../realtime/gateway.ts';
import { ChangeNumbers } from './change-numbers.ts';
import { ChatLog, numberOf } from './chat-log.ts';
import { type MessageExtras, Outbox, type OutboxStorage, type PendingMessage } from './outbox.ts';

/** Messages asked for at a time. */
const PAGE_SIZE = 50;

/** A busy room is said to be read at most this often: each time is a write for the server. */
const READ_EVERY_MS = 3_000;

/** That one writes is told at most this often. */
const TYPING_EVERY_MS = 3_000;

/** Wait after `rate_limited` or `slow_mode` when the server names none. */
const RATE_LIMITED_WAIT_MS = 2_000;

export interface ChatOptions {
  /** Where unsent messages outlive the page; also needs `userId`. */
  storage?: OutboxStorage;
  userId?: string;
}

export interface ChatEvents extends ChangeEvents {
  /** Someone said something; not for what history brought. */
  message: Message;
  /** Somebody else is writing now: told each few seconds while it does. */
  typing: { userId: string; displayName: string };
}

/** Chat of a room: history, what is said now, and what is on its way. */
export class Chat extends Observable<ChatEvents> {
  readonly #gateway: Gateway;
  readonly #slug: string;
  readonly #log = new ChatLog();
  readonly #outbox: Outbox;
  readonly #numbers = new ChangeNumbers();
  /** Changes of messages that a page on its way may bring. */
  readonly #early = new Map<string, Message>();
  #cursor: string | undefined;
  #hasMore = true;
  #isLoading = false;
  #loadError: BoltorezkaError | undefined;
  #isLoaded = false;
  #isSending = false;
  #isResuming = false;
  #isReadOn = false;
  /** The last place that was said to be read. */
  #readSeq = 0;
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #typedAtMs = 0;

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
    return this.#isLoading || this.#isResuming;
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
  send(text: string, extras: MessageExtras = {}): void {
    if (this.#outbox.isFull) {
      throw new BoltorezkaError('too_large', 'Too many messages wait to be sent. Wait for the connection.');
    }
    this.#outbox.add({ ...extras, key: crypto.randomUUID(), text, createdAtMs: Date.now() });
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
    if (this.#isLoading) return;
    if (!this.#isLoaded) await this.catchUp();
    else if (this.#cursor !== undefined) await this.#load(this.#cursor);
  }

  /** Says something else in an own message. Rejects with the server's refusal. */
  edit(messageId: string, text: string, mentions: string[] = []): Promise<void> {
    return this.#change(this.#gateway.request('message.edit', { room: this.#slug, messageId, text, mentions }, once()));
  }

  /** Deletes an own message, or one of somebody whom we may moderate. */
  delete(messageId: string): Promise<void> {
    return this.#change(this.#gateway.request('message.delete', { room: this.#slug, messageId }, once()));
  }

  /** Reacts, or takes that back. */
  react(messageId: string, emoji: string, on: boolean): Promise<void> {
    return this.#change(this.#gateway.request('message.react', { room: this.#slug, messageId, emoji, on }, once()));
  }

  /** Pins a message, or takes that back. */
  pin(messageId: string, on: boolean): Promise<void> {
    return this.#change(this.#gateway.request('message.pin', { room: this.#slug, messageId, on }, once()));
  }

  /** Lets the others know that one is writing. What is lost is told with the next letter. */
  typing(): void {
    const nowMs = Date.now();
    if (nowMs - this.#typedAtMs < TYPING_EVERY_MS) return;
    this.#typedAtMs = nowMs;
    this.#gateway.request('typing', { room: this.#slug }).catch(() => undefined);
  }

  /** Everything that is shown was read. Without a connection it is said another time. */
  markRead(): void {
    const seq = this.#log.messages.at(-1)?.seq ?? 0;
    if (seq <= this.#readSeq || this.#readTimer !== undefined) return;
    this.#readSeq = seq;
    this.#gateway.request('message.read', { room: this.#slug, seq }).catch(() => {
      this.#readSeq = 0;
    });
    this.#readTimer = setTimeout(() => {
      this.#readTimer = undefined;
      if (this.#isReadOn) this.markRead();
    }, READ_EVERY_MS);
  }

  /** Whether what comes is read as it comes. */
  set isRead(isRead: boolean) {
    this.#isReadOn = isRead;
    if (isRead) this.markRead();
  }

  /** After (re)joining: what changed meanwhile, then what waits to be sent. */
  async catchUp(): Promise<void> {
    void this.flush();
    if (this.#isResuming) return;
    this.#isResuming = true;
    this.changed();
    try {
      while (!this.#take(await this.#askFor(this.#numbers.seq)));
      this.#isLoaded = true;
      this.#loadError = undefined;
      if (this.#isReadOn) this.markRead();
    } catch (error) {
      this.#loadError = error instanceof BoltorezkaError ? error : new BoltorezkaError('network', String(error));
    }
    this.#isResuming = false;
    this.changed();
  }

  /** Takes `message.changed`. */
  receiveChange(message: Message): void {
    this.#put(message);
    this.changed();
    this.#follow(message);
  }

  /** Takes `typing`. */
  receiveTyping(typist: ChatEvents['typing']): void {
    this.emit('typing', typist);
  }

  /** Takes `history.trimmed`. */
  trim(firstSeq: number): void {
    this.#log.dropBefore(firstSeq);
    this.changed();
  }

  /** Takes `message.new`. */
  receive(message: Message): void {
    const isNew = this.#log.add([message]) > 0;
    this.#follow(message);
    if (!isNew) return;
    if (this.#isReadOn) this.markRead();
    // Our own message may come back before its `ack`: it is stored, so it no longer waits.
    const sending = this.#outbox.toSend[0];
    if (sending && this.#isSending && message.senderId === this.#gateway.user?.id && message.text === sending.text) {
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
      const sent = (await this.#gateway.request('message.send', sendOf(this.#slug, message), {
        idempotencyKey: message.key,
      })) as MessageSent;
      this.#outbox.remove(message.key);
      this.#log.add([sent.message]);
      return true;
    } catch (error) {
      const code = codeOf(error);
      // It waits for the next connection: `catchUp` sends it again.
      if (code === 'connection_lost' || code === 'not_joined') return false;
      if (code === 'rate_limited' || code === 'slow_mode') {
        const waitMs = (error instanceof BoltorezkaError && error.retryAfterMs) || RATE_LIMITED_WAIT_MS;
        setTimeout(() => void this.flush(), waitMs);
        return false;
      }
      this.#outbox.fail(message.key, error instanceof Error ? error.message : 'It could not be sent.');
      return true;
    }
  }

  async #askFor(seq: number | undefined): Promise<ChatDelta> {
    const payload = seq === undefined ? { room: this.#slug } : { room: this.#slug, seq };
    return (await this.#gateway.request('sync.resume', payload)) as ChatDelta;
  }

  /** Says whether that was all. */
  #take(delta: ChatDelta): boolean {
    const cameMeanwhile = delta.snapshot && this.#numbers.hasGap;
    if (delta.snapshot) {
      this.#log.reset(delta.messages);
      this.#cursor = delta.nextCursor;
      this.#hasMore = delta.nextCursor !== undefined;
    } else {
      for (const message of delta.messages) this.#put(message);
    }
    this.#log.dropBefore(delta.firstSeq);
    this.#numbers.reach(delta.seq, delta.snapshot);
    // A snapshot forgets what was told beside it: that is asked for again.
    return !delta.hasMore && !cameMeanwhile;
  }

  /** A change of a message that is older than what is loaded leaves no hole: its page brings it. */
  #put(message: Message): void {
    const oldest = this.#log.messages[0];
    const isOlder = this.#hasMore && oldest !== undefined && message.seq < oldest.seq;
    if (!isOlder || this.#log.has(message.id)) this.#log.add([message]);
    else if (this.#isLoading) this.#early.set(message.id, message);
  }

  /** Asks for what is missing before a change that came. */
  #follow(message: Message): void {
    this.#numbers.take(numberOf(message));
    if (this.#numbers.seq !== undefined && this.#numbers.hasGap) void this.catchUp();
  }

  async #change(request: Promise<unknown>): Promise<void> {
    const sent = (await request) as MessageSent;
    this.#put(sent.message);
    this.changed();
  }

  async #load(cursor: string): Promise<void> {
    this.#isLoading = true;
    this.changed();
    try {
      const page = await this.#gateway.client.messages(this.#slug, { cursor, limit: PAGE_SIZE });
      // What was said meanwhile may have started the log anew: then the page does not join it any more.
      if (cursor === this.#cursor) {
        this.#log.add(page.items);
        this.#log.add([...this.#early.values()].filter((message) => this.#log.has(message.id)));
        this.#cursor = page.nextCursor;
        this.#hasMore = page.nextCursor !== undefined;
      }
      this.#loadError = undefined;
    } catch (error) {
      this.#loadError = error instanceof BoltorezkaError ? error : new BoltorezkaError('network', String(error));
    }
    this.#early.clear();
    this.#isLoading = false;
    this.changed();
  }
}

/** The payload of `message.send`. */
function sendOf(room: string, { text, replyTo, mentions, attachments }: PendingMessage) {
  return {
    room,
    text,
    ...(replyTo === undefined ? {} : { replyTo }),
    ...(mentions === undefined ? {} : { mentions: [...mentions] }),
    ...(attachments === undefined ? {} : { attachments: attachments.map(({ id }) => id) }),
  };
}

/** A request that is sent again is the same. */
function once(): { idempotencyKey: string } {
  return { idempotencyKey: crypto.randomUUID() };
}
