import type { Message } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { messageGroups } from './message-groups.ts';

const message = (id: string, senderId: string, createdAt: string): Message => ({
  id,
  room: 'abc',
  seq: Number(id),
  senderId,
  senderName: senderId,
  text: id,
  createdAt,
});

test('a person is named once for what they say in a row', () => {
  const groups = messageGroups([
    message('1', 'a', '2026-11-21T09:00:00.000Z'),
    message('2', 'a', '2026-11-21T09:04:00.000Z'),
    message('3', 'a', '2026-11-21T09:06:00.000Z'),
    message('4', 'b', '2026-11-21T09:06:01.000Z'),
    message('5', 'b', '2026-11-23T09:06:02.000Z'),
  ]);
  expect(groups.map((group) => group.messages.map((each) => each.id).join())).toEqual(['1,2', '3', '4', '5']);
  expect(groups.map((group) => group.isNewDay)).toEqual([true, false, false, true]);
});
