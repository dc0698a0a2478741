import { expect, test } from 'vitest';
import type { Answer } from '../proto.ts';
import { ANSWER_TIMEOUT_MS, type Frame, RequestTable, TRIES_MAX } from './requests.ts';

function table() {
  const sent: Frame[] = [];
  return { sent, table: new RequestTable((frame) => sent.push(frame)) };
}

const ack = (requestId: string, payload: unknown): Answer => ({
  type: 'ack',
  requestId,
  eventType: 'room.join',
  ts: '2026-11-21T09:30:00.000Z',
  payload,
});

test('an ack resolves its request and no other', async () => {
  const { table: requests, sent } = table();
  const first = requests.request('room.join', { room: 'a' }, 0);
  const second = requests.request('room.join', { room: 'b' }, 0);
  expect(sent.map((frame) => frame.requestId)).toEqual(['1', '2']);
  expect(requests.settle(ack('2', 'two'))).toBe(true);
  await expect(second).resolves.toBe('two');
  expect(requests.size).toBe(1);
  requests.settle(ack('1', 'one'));
  await expect(first).resolves.toBe('one');
});

test('a nack rejects with its code and wait', async () => {
  const { table: requests } = table();
  const request = requests.request('room.join', {}, 0);
  requests.settle({
    type: 'nack',
    requestId: '1',
    eventType: 'room.join',
    ts: '2026-11-21T09:30:00.000Z',
    code: 'room_full',
    message: 'full',
    retryAfterMs: 500,
  });
  await expect(request).rejects.toMatchObject({ code: 'room_full', message: 'full', retryAfterMs: 500 });
});

test('an unanswered request is sent again under the same ids, then fails', async () => {
  const { table: requests, sent } = table();
  const request = requests.request('message.send', {}, 0, { idempotencyKey: 'k' });
  const failed = expect(request).rejects.toMatchObject({ code: 'timeout' });
  requests.tick(ANSWER_TIMEOUT_MS - 1);
  expect(sent).toHaveLength(1);
  for (let tries = 1; tries <= TRIES_MAX; tries += 1) requests.tick(tries * ANSWER_TIMEOUT_MS);
  await failed;
  expect(sent).toHaveLength(TRIES_MAX);
  expect(new Set(sent.map((frame) => `${frame.requestId}/${frame.idempotencyKey}`))).toEqual(new Set(['1/k']));
});

test('a late second answer is ignored', async () => {
  const { table: requests } = table();
  const request = requests.request('ping', {}, 0);
  requests.tick(ANSWER_TIMEOUT_MS);
  expect(requests.settle(ack('1', 'first'))).toBe(true);
  expect(requests.settle(ack('1', 'again'))).toBe(false);
  await expect(request).resolves.toBe('first');
});

test('a lost socket fails everything that waits', async () => {
  const { table: requests } = table();
  const request = requests.request('ping', {}, 0);
  requests.failAll();
  await expect(request).rejects.toMatchObject({ code: 'connection_lost' });
  expect(requests.size).toBe(0);
});
