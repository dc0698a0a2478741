import { expect, test } from 'vitest';
import { OwnPush, subscribeRequest } from './push.ts';
import type { Send } from './send.ts';

const subscription = (keys: Record<string, string> | undefined) =>
  ({ toJSON: () => ({ endpoint: 'https://push.example/x', keys }) }) as unknown as PushSubscription;

test('the server is told where a browser is pushed to, and what for it is encrypted', async () => {
  const sent: unknown[] = [];
  const send = (async (...request: unknown[]) => sent.push(request)) as unknown as Send;
  await new OwnPush(send).subscribe(subscription({ p256dh: 'point', auth: 'secret' }));
  await new OwnPush(send).unsubscribe('a/b');
  expect(sent).toEqual([
    ['POST', '/push/subscriptions', { endpoint: 'https://push.example/x', p256dh: 'point', auth: 'secret' }],
    ['DELETE', '/push/subscriptions/a%2Fb'],
  ]);
  expect(subscribeRequest(subscription(undefined))).toEqual({
    endpoint: 'https://push.example/x',
    p256dh: '',
    auth: '',
  });
});
