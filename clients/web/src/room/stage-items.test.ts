import type { LocalMedia, Participant } from '@boltorezka/client';
import { describe, expect, test } from 'vitest';
import { fitting, focusedItem, stageItems } from './stage-items.ts';

const person = (id: string, part: Partial<Participant> = {}): Participant => ({
  id,
  userId: `u-${id}`,
  name: id,
  role: 'member',
  isLocal: false,
  inCall: true,
  isSuspended: false,
  isSpeaking: false,
  microphoneOn: true,
  cameraOn: false,
  screenOn: false,
  tracks: new Map(),
  joinedAt: '2026-11-21T09:30:00.000Z',
  ...part,
});

const own = {} as LocalMedia;
const keys = (items: { key: string }[]) => items.map((item) => item.key);

describe('stage', () => {
  test('screens first, ourselves last, nobody who only reads', () => {
    const people = [
      person('me', { isLocal: true }),
      person('a'),
      person('b', { screenOn: true }),
      person('c', { inCall: false }),
    ];
    expect(keys(stageItems(people, own))).toEqual(['b-screen', 'a', 'b', 'me']);
  });

  test('a screen is large, unless something is pinned; our own screen is not', () => {
    const items = stageItems([person('me', { isLocal: true, screenOn: true }), person('a', { screenOn: true })], own);
    expect(focusedItem(items, undefined)?.key).toBe('a-screen');
    expect(focusedItem(items, 'me/camera')?.key).toBe('me');
    expect(focusedItem(stageItems([person('me', { isLocal: true, screenOn: true })], own), undefined)).toBeUndefined();
    expect(focusedItem(items, 'gone/camera')?.key).toBe('a-screen');
  });

  test('when not all fit, speakers and ourselves stay, and one place tells of the others', () => {
    const people = [person('me', { isLocal: true }), ...['a', 'b', 'c', 'd'].map((id) => person(id))];
    people[4] = person('d', { isSpeaking: true });
    const { shown, hidden } = fitting(stageItems(people, own), 4);
    expect(keys(shown)).toEqual(['a', 'd', 'me']);
    expect(hidden).toBe(2);
    expect(fitting(stageItems(people, own), 5).hidden).toBe(0);
  });

  test('a paused picture is not shown', () => {
    const track = { number: 1, participantId: 'a', source: 'camera' as const, muted: false, rid: undefined };
    const media = {} as MediaStreamTrack;
    const withTrack = (reason: 'paused' | 'best') =>
      stageItems([person('a', { cameraOn: true, tracks: new Map([['camera', { ...track, media, reason }]]) })], own)[0];
    expect(withTrack('best')).toMatchObject({ media, isPaused: false });
    expect(withTrack('paused')).toMatchObject({ media: undefined, isPaused: true });
  });
});
