import { describe, expect, test } from 'vitest';
import type { Participant, PresenceUpdate } from '../proto.ts';
import { Presence } from './presence.ts';

const entry = (id: string, call: Participant['call'] = 'none'): Participant => ({
  participantId: id,
  userId: `u-${id}`,
  displayName: id,
  role: 'member',
  call,
  publishing: [],
  joinedAt: '2026-11-21T09:30:00.000Z',
});

const update = (seq: number, part: Partial<PresenceUpdate>): PresenceUpdate => ({
  room: 'abc',
  seq,
  snapshot: false,
  joined: [],
  left: [],
  changed: [],
  ...part,
});

const ids = (presence: Presence) => [...presence.participants.keys()];

describe('presence', () => {
  test('joins, changes and leaves in order', () => {
    const presence = new Presence();
    presence.reset({ participants: [entry('a')], seq: 4 });
    expect(presence.apply(update(5, { joined: [entry('b')] }))).toBe('applied');
    expect(presence.apply(update(6, { changed: [entry('b', 'connected')] }))).toBe('applied');
    expect(presence.participants.get('b')?.call).toBe('connected');
    expect(presence.apply(update(7, { left: ['a'] }))).toBe('applied');
    expect(ids(presence)).toEqual(['b']);
  });

  test('an update that the list includes is old', () => {
    const presence = new Presence();
    presence.reset({ participants: [entry('a')], seq: 4 });
    expect(presence.apply(update(4, { left: ['a'] }))).toBe('old');
    expect(ids(presence)).toEqual(['a']);
  });

  test('a gap changes nothing until the new list, which early updates then follow', () => {
    const presence = new Presence();
    presence.reset({ participants: [entry('a')], seq: 4 });
    expect(presence.apply(update(6, { joined: [entry('c')] }))).toBe('gap');
    expect(presence.apply(update(7, { left: ['a'] }))).toBe('gap');
    expect(ids(presence)).toEqual(['a']);
    presence.reset({ participants: [entry('a'), entry('b'), entry('c')], seq: 6 });
    expect(ids(presence)).toEqual(['b', 'c']);
  });

  test('updates before the first list wait for it', () => {
    const presence = new Presence();
    expect(presence.apply(update(2, { joined: [entry('b')] }))).toBe('gap');
    presence.reset({ participants: [entry('a')], seq: 1 });
    expect(ids(presence)).toEqual(['a', 'b']);
  });

  test('a snapshot replaces everything, even with a smaller number', () => {
    const presence = new Presence();
    presence.reset({ participants: [entry('a')], seq: 90 });
    expect(presence.apply(update(1, { snapshot: true, joined: [entry('z')] }))).toBe('applied');
    expect(ids(presence)).toEqual(['z']);
    expect(presence.apply(update(2, { joined: [entry('y')] }))).toBe('applied');
  });
});
