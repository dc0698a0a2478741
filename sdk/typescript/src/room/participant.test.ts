import { describe, expect, test } from 'vitest';
import type { Track } from '../call/track.ts';
import type { Participant as PresenceEntry } from '../proto.ts';
import { type LocalState, participantsOf } from './participant.ts';

const entry = (id: string, second: number, part: Partial<PresenceEntry> = {}): PresenceEntry => ({
  participantId: id,
  userId: `u-${id}`,
  displayName: id,
  role: 'member',
  call: 'connected',
  publishing: [],
  joinedAt: `2026-11-21T09:30:0${second}.000Z`,
  ...part,
});

const camera = (participantId: string, muted = false): Track => ({
  number: 1,
  participantId,
  source: 'camera',
  muted,
  media: undefined,
  rid: undefined,
  reason: undefined,
});

const away: LocalState = {
  participantId: 'me',
  inCall: false,
  microphoneOn: false,
  cameraOn: false,
  screenOn: false,
};

describe('participants', () => {
  test('ourselves first, then by arrival', () => {
    const list = participantsOf([entry('b', 2), entry('me', 3), entry('a', 1)], [], [], away);
    expect(list.map((participant) => participant.id)).toEqual(['me', 'a', 'b']);
  });

  test('outside the call presence tells what is on, inside it the tracks do', () => {
    const entries = [entry('me', 0), entry('a', 1, { publishing: ['camera', 'microphone'] })];
    expect(participantsOf(entries, [], [], away)[1]).toMatchObject({ cameraOn: true, microphoneOn: true });
    const inCall = { ...away, inCall: true };
    expect(participantsOf(entries, [camera('a')], ['a'], inCall)[1]).toMatchObject({
      cameraOn: true,
      microphoneOn: false,
      isSpeaking: true,
    });
    expect(participantsOf(entries, [camera('a', true)], [], inCall)[1]).toMatchObject({ cameraOn: false });
  });

  test('our own devices tell about ourselves', () => {
    const local = { ...away, inCall: true, cameraOn: true };
    const list = participantsOf([entry('me', 0, { call: 'none' })], [], [], local);
    expect(list[0]).toMatchObject({ isLocal: true, inCall: true, cameraOn: true, microphoneOn: false });
  });

  test('a suspended participant is told apart', () => {
    expect(participantsOf([entry('a', 1, { call: 'suspended' })], [], [], away)[0]?.isSuspended).toBe(true);
  });
});
