import type { PushSubscription as PushedBrowser, PushStatus, SubscribePushRequest } from './proto.ts';
import { path, type Send } from './send.ts';

/** The browsers that one's own account is pushed to. */
export class OwnPush {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Whether and how a browser subscribes here, and which ones have. */
  get(): Promise<PushStatus> {
    return this.#send('GET', '/push');
  }

  /** Whether the account wants to be pushed to, on whatever browser. */
  setEnabled(enabled: boolean): Promise<PushStatus> {
    return this.#send('PATCH', '/push', { enabled });
  }

  /** Has the browser of this session pushed to. */
  subscribe(subscription: PushSubscription): Promise<PushedBrowser> {
    return this.#send('POST', '/push/subscriptions', subscribeRequest(subscription));
  }

  /** Has a browser pushed to no more. */
  unsubscribe(id: string): Promise<void> {
    return this.#send('DELETE', path('push', 'subscriptions', id));
  }
}

/** What the server is told of a browser's subscription; also for a service worker. */
export function subscribeRequest(subscription: PushSubscription): SubscribePushRequest {
  const { endpoint, keys } = subscription.toJSON();
  return { endpoint: endpoint ?? '', p256dh: keys?.p256dh ?? '', auth: keys?.auth ?? '' };
}
