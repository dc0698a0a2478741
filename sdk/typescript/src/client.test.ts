import { afterEach, expect, test, vi } from 'vitest';
import { Client } from './client.ts';

afterEach(() => vi.unstubAllGlobals());

/** A client whose server gives these answers, and what it was asked. */
function clientOf(...answers: [number, string][]) {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (url: string, { method, body }: RequestInit) => {
    asked.push([method, url, ...(body === undefined ? [] : [body])].join(' '));
    const [status, text] = answers.shift() ?? [500, ''];
    return new Response(text, { status, headers: { 'retry-after': '3' } });
  });
  return { asked, client: new Client({ baseUrl: 'https://talk.example.org/' }) };
}

test('words to look for are in the address, whatever they hold', async () => {
  const { asked, client } = clientOf([200, '{"items":[],"nextCursor":"46"}']);
  expect((await client.searchMessages('stand-up', 'a & b?', { limit: 20, cursor: '90' })).nextCursor).toBe('46');
  expect(asked).toEqual([
    'GET https://talk.example.org/v1/rooms/stand-up/messages/search?q=a+%26+b%3F&limit=20&cursor=90',
  ]);
});

test('the inbox is read up to one', async () => {
  const { asked, client } = clientOf([200, '{"items":[],"unreadCount":4}'], [200, '{"unreadCount":1}']);
  expect((await client.notifications({ limit: 20 })).unreadCount).toBe(4);
  expect(await client.readNotifications('n7')).toBe(1);
  expect(asked).toEqual([
    'GET https://talk.example.org/v1/notifications?limit=20',
    'POST https://talk.example.org/v1/notifications/read {"upTo":"n7"}',
  ]);
});

test('a refusal says its code, its reason and when to try again', async () => {
  const { client } = clientOf(
    [429, '{"status":429,"code":"rate_limited","title":"Too many requests"}'],
    [502, '<html>'],
  );
  const failure = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
  expect(await failure(client.searchMessages('stand-up', 'a'))).toMatchObject({
    code: 'rate_limited',
    message: 'Too many requests',
    retryAfterMs: 3000,
  });
  expect(await failure(client.notifications())).toMatchObject({
    code: 'internal',
    message: 'The server answered with status 502',
  });
});
