import type { Message } from '../proto.ts';

/** Messages of a room, oldest first, each once. */
export class ChatLog {
  #messages: readonly Message[] = [];
  #ids = new Set<string>();

  get messages(): readonly Message[] {
    return this.#messages;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Adds messages in any order; those that are there already are ignored. Says how many were new. */
  add(messages: readonly Message[]): number {
    const fresh = messages.filter((message) => !this.#ids.has(message.id));
    if (fresh.length === 0) return 0;
    for (const message of fresh) this.#ids.add(message.id);
    this.#messages = [...this.#messages, ...fresh].sort(byTime);
    return fresh.length;
  }

  /** Forgets everything. */
  clear(): void {
    this.#messages = [];
    this.#ids = new Set();
  }
}

function byTime(a: Message, b: Message): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
