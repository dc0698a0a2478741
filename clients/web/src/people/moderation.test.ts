import type { Participant, RoomRole } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { mayModerate, moderates } from './moderation.ts';

const other = (role: RoomRole, isLocal = false) => ({ role, isLocal }) as Participant;

test('moderation is offered to those above', () => {
  expect(mayModerate('user', 'member', other('listener'))).toBe(false);
  expect(mayModerate('user', 'moderator', other('member'))).toBe(true);
  expect(mayModerate('user', 'moderator', other('moderator'))).toBe(false);
  expect(mayModerate('user', 'owner', other('moderator'))).toBe(true);
  expect(mayModerate('user', undefined, other('member'))).toBe(false);
  expect(mayModerate('admin', 'member', other('owner'))).toBe(true);
  expect(mayModerate('super_admin', 'owner', other('owner', true))).toBe(false);
});

test('who waits is shown to those who may let them in', () => {
  expect(moderates('user', 'member')).toBe(false);
  expect(moderates('user', undefined)).toBe(false);
  expect(moderates('user', 'moderator')).toBe(true);
  expect(moderates('admin', 'member')).toBe(true);
});
