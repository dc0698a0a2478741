import type { Notification } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { asRead, countText, titleOf, withTold } from './notifications.ts';

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
  expect([1, 99, 100].map(countText)).toEqual(['1', '99', '99+']);
});
