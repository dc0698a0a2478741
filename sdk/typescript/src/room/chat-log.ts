import type { Message } from '../proto.ts';

/** The number of a message's last change, or of itself. */
export function numberOf(message: Message): number {
  return message.changedSeq ?? message.seq;
}

/** Messages of a room by place, oldest first, each once and as it was last. */
export class ChatLog {
  #messages: readonly Message[] = [];
  #byId = new Map<string, Message>();

  get messages(): readonly Message[] {
    return this.#messages;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** Takes messages in any order; what is there already as it is, or as it was later, is left. Says how many were not there at all. */
  add(messages: readonly Message[]): number {
    const before = this.#byId.size;
    let isChanged = false;
    for (const message of messages) {
      const known = this.#byId.get(message.id);
      if (known && numberOf(known) >= numberOf(message)) continue;
      this.#byId.set(message.id, message);
      isChanged = true;
    }
    if (isChanged) this.#messages = [...this.#byId.values()].sort(byPlace);
    return this.#byId.size - before;
  }

  /** Forgets everything and starts anew. */
  reset(messages: readonly Message[]): void {
    this.#byId = new Map();
    this.#messages = [];
    this.add(messages);
  }

  /** Drops what was deleted for good. */
  dropBefore(seq: number): void {
    if ((this.#messages[0]?.seq ?? seq) >= seq) return;
    this.#messages = this.#messages.filter((message) => message.seq >= seq);
    this.#byId = new Map(this.#messages.map((message) => [message.id, message]));
  }
}

function byPlace(a: Message, b: Message): number {
  if (a.seq !== b.seq) return a.seq - b.seq;
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
