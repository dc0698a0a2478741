import type { Notification } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { asRead, countText, placeOf, roomOf, titleOf, withTold } from './notifications.ts';

function notification(id: string, more: Partial<Notification> = {}): Notification {
  const createdAt = '2026-11-22T00:00:00.000Z';
  const message = { id: `m${id}`, room: 'abc', seq: 1, senderId: 'ann', senderName: 'Ann', text: 'look', createdAt };
  return { id, kind: 'mention', message, createdAt, ...more };
}

test('what is told comes to its place, once', () => {
  const items = [notification('3'), notification('1')];
  expect(withTold(items, notification('4')).map(({ id }) => id)).toEqual(['4', '3', '1']);
  expect(withTold(items, notification('2')).map(({ id }) => id)).toEqual(['3', '2', '1']);
  const again = withTold(items, notification('3', { kind: 'reply' }));
  expect(again.map(({ id, kind }) => `${id} ${kind}`)).toEqual(['3 reply', '1 mention']);
});

test('what was read before keeps its time', () => {
  const read = asRead([notification('2'), notification('1', { readAt: 'before' })], 'now');
  expect(read.map(({ readAt }) => readAt)).toEqual(['now', 'before']);
});

test('it says who did what, and how many there are', () => {
  expect(titleOf(notification('1'))).toBe('Ann mentioned you');
  expect(titleOf(notification('1', { kind: 'reply' }))).toBe('Ann answered you');
  const direct = notification('1', { kind: 'direct' });
  expect([titleOf(direct), placeOf(direct), roomOf(direct)]).toEqual(['Ann wrote to you', 'Direct message', 'abc']);
  const { id, createdAt } = direct;
  const call = { room: 'direct-a', callerId: 'ben', callerName: 'Ben' };
  const missed: Notification = { id, kind: 'missed_call', call, createdAt };
  expect([titleOf(missed), placeOf(missed), roomOf(missed)]).toEqual(['Ben called you', 'Missed call', 'direct-a']);
  expect([1, 99, 100].map(countText)).toEqual(['1', '99', '99+']);
});
