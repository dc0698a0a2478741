import type { PushNotice } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { isNotice, shownOf } from './notice.ts';
import { noticeOf, noticeOfRinging } from './told.ts';

const message: PushNotice = {
  type: 'message',
  workspace: 'default',
  room: 'talk',
  roomTitle: 'Talk',
  notificationId: 'n',
  kind: 'mention',
  senderName: 'Ann',
  text: 'look at this',
  at: '2026-11-01T10:00:00.000Z',
};
const ringing: PushNotice = {
  type: 'ringing',
  workspace: 'default',
  room: 'direct-1',
  callId: 'c',
  callerName: 'Ann',
  endsAt: '2026-11-01T10:01:00.000Z',
};

test('a message says who, where and what, and leads to its room', () => {
  const { title, options } = shownOf(message);
  expect([title, options.body]).toEqual(['Ann mentioned you in Talk', 'look at this']);
  expect([options.data.path, options.tag, options.requireInteraction]).toEqual([
    '/rooms/talk',
    'message:default/talk',
    false,
  ]);
  expect(shownOf({ ...message, kind: 'reply' }).title).toBe('Ann answered you in Talk');
  expect(shownOf({ ...message, kind: 'direct' }).title).toBe('Ann');
  expect(shownOf({ ...message, text: '' }).options.body).toBe('A file');
});

test('one takes the place of another about the same room, and a call is another one', () => {
  const later = shownOf({ ...message, text: 'and this' }).options.tag;
  expect(later).toBe(shownOf(message).options.tag);
  const missed: PushNotice = {
    type: 'missedCall',
    workspace: 'default',
    room: 'direct-1',
    notificationId: 'n',
    callerName: 'Ann',
    at: '2026-11-01T10:00:00.000Z',
  };
  expect(shownOf(missed).options.tag).toBe(shownOf(ringing).options.tag);
  expect(shownOf(ringing).options.requireInteraction).toBe(true);
  expect(shownOf({ ...message, room: 'direct-1' }).options.tag).not.toBe(shownOf(ringing).options.tag);
  expect(shownOf({ ...message, workspace: 'acme' }).options).toMatchObject({
    tag: 'message:acme/talk',
    data: { path: '/' },
  });
});

test('what is no notice is known', () => {
  expect([message, ringing].every(isNotice)).toBe(true);
  for (const other of [null, undefined, 'x', {}, { type: 'future', workspace: 'a', room: 'b' }, { type: 'message' }]) {
    expect(isNotice(other)).toBe(false);
  }
});

test('what a page is told is shown the same way', () => {
  const call = { room: 'direct-1', callerId: 'u', callerName: 'Ann' };
  const missed = noticeOf({ id: 'n', kind: 'missed_call', call, createdAt: '2026-11-01T10:00:00.000Z' });
  expect(missed && shownOf(missed).title).toBe('Ann called you');
  expect(noticeOf({ id: 'n', kind: 'mention', createdAt: '2026-11-01T10:00:00.000Z' })).toBeUndefined();
  const rings = { room: 'direct-1', callId: 'c', callerId: 'u', callerName: 'Ann', endsAt: '2026-11-01T10:01:00.000Z' };
  expect(noticeOfRinging(rings)).toEqual(ringing);
});
