import type { Page, Waiting } from './proto.ts';
import { type PageOptions, path, query, type Send } from './send.ts';

/** Lobbies of rooms: who waits to be let in, for those who moderate. */
export class Lobbies {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  waiting(room: string, page: PageOptions = {}): Promise<Page<Waiting>> {
    return this.#send('GET', `${path('rooms', room, 'lobby')}${query(page)}`);
  }

  /** Lets somebody in who waits. Fails with `conflict` when it was decided before. */
  admit(room: string, userId: string): Promise<void> {
    return this.#send('POST', path('rooms', room, 'lobby', userId, 'admit'));
  }

  admitAll(room: string): Promise<void> {
    return this.#send('POST', path('rooms', room, 'lobby', 'admit'));
  }

  /** Sends somebody away, who may ask again after a minute. Fails as `admit` does. */
  refuse(room: string, userId: string): Promise<void> {
    return this.#send('POST', path('rooms', room, 'lobby', userId, 'refuse'));
  }
}
