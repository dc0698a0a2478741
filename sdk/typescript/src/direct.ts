import type { BlockedUser, DirectRoom, Page } from './proto.ts';
import { type PageOptions, path, query, type Send } from './send.ts';

/** Rooms of two, and whose messages the account refuses. */
export class DirectMessages {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The account's direct rooms, newest first. */
  list(page: PageOptions = {}): Promise<Page<DirectRoom>> {
    return this.#send('GET', `/direct${query(page)}`);
  }

  /** The direct room with somebody, which is made when it is not there. */
  begin(userId: string): Promise<DirectRoom> {
    return this.#send('POST', '/direct', { userId });
  }

  /** Does not want the call that rings in a direct room. */
  decline(slug: string): Promise<void> {
    return this.#send('POST', path('rooms', slug, 'call', 'decline'));
  }

  /** Whose direct messages and calls the account refuses. */
  blocks(page: PageOptions = {}): Promise<Page<BlockedUser>> {
    return this.#send('GET', `/blocks${query(page)}`);
  }

  block(userId: string): Promise<void> {
    return this.#send('PUT', path('blocks', userId));
  }

  unblock(userId: string): Promise<void> {
    return this.#send('DELETE', path('blocks', userId));
  }
}
