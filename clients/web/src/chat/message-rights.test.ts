import type { Message, RoomRole } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { messageRights } from './message-rights.ts';

const message: Message = {
  id: '1',
  room: 'abc',
  seq: 1,
  senderId: 'ann',
  senderName: 'Ann',
  text: 'hello',
  createdAt: '2026-11-21T09:00:00.000Z',
};

const offered = (of: Message, userId: string, role: RoomRole | undefined, ...granted: string[]) =>
  Object.entries(messageRights(of, userId, role, new Set(granted)))
    .filter(([, may]) => may)
    .map(([name]) => name);

test('one edits and deletes what one said', () => {
  expect(offered(message, 'ann', 'member')).toEqual(['mayReact', 'mayReply', 'mayEdit', 'mayDelete']);
  expect(offered(message, 'bob', 'member')).toEqual(['mayReact', 'mayReply', 'mayReport']);
});

test('moderators delete and pin, and edit for nobody', () => {
  for (const role of ['moderator', 'owner'] as const) {
    expect(offered(message, 'bob', role)).toEqual(['mayReact', 'mayReply', 'mayReport', 'mayDelete', 'mayPin']);
  }
});

test('what custom roles give is offered beside that', () => {
  expect(offered(message, 'bob', 'listener', 'chat.reaction.set')).toEqual(['mayReact', 'mayReport']);
  expect(offered(message, 'ann', 'listener', 'chat.message.edit', 'chat.message.delete')).toEqual([
    'mayEdit',
    'mayDelete',
  ]);
  expect(offered(message, 'bob', 'member', 'chat.pin.set')).toContain('mayPin');
  // Others may stand as high.
  expect(offered(message, 'bob', 'member', 'chat.message.moderate')).not.toContain('mayDelete');
});

test('listeners report what others said; strangers and what was deleted are offered nothing', () => {
  expect(offered(message, 'ann', 'listener')).toEqual([]);
  expect(offered(message, 'bob', 'listener')).toEqual(['mayReport']);
  expect(offered(message, 'ann', undefined)).toEqual([]);
  const { text: _, ...rest } = message;
  expect(offered({ ...rest, deletedAt: '2026-11-21T09:01:00.000Z' }, 'ann', 'owner')).toEqual([]);
});
