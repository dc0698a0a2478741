import type { Ringing, ServerMessage } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { afterMessage, answerCall, onAnswer, stillRinging, takeAnswer } from './ringing.ts';
import { stateText } from './texts.ts';

function ringing(callId: string, room = 'direct-a', endsAt = '2026-11-22T00:01:00.000Z'): Ringing {
  return { room, callId, callerId: 'ann', callerName: 'Ann', endsAt };
}

const rings = (call: Ringing): ServerMessage => ({ type: 'call.ringing', payload: { ringing: call } });

test('a call rings until it is told or its time is over', () => {
  const one = afterMessage([], rings(ringing('1')));
  // Told again after a crash, it is the same one; a new one of the same room takes its place.
  expect(afterMessage(one, rings(ringing('1')))).toEqual(one);
  expect(afterMessage(one, rings(ringing('2'))).map(({ callId }) => callId)).toEqual(['2']);
  const two = afterMessage(one, rings(ringing('3', 'direct-b')));
  const ended: ServerMessage = {
    type: 'call.ring_ended',
    payload: { room: 'direct-a', callId: '1', reason: 'answered' },
  };
  expect(afterMessage(two, ended).map(({ callId }) => callId)).toEqual(['3']);
  expect(stillRinging(two, Date.parse('2026-11-22T00:00:59.000Z'))).toBe(two);
  expect(stillRinging(two, Date.parse('2026-11-22T00:01:00.000Z'))).toEqual([]);
});

test('an answer is taken once, by the page of its room', () => {
  const heard: string[] = [];
  const off = onAnswer(() => heard.push('answer'));
  answerCall('direct-a');
  off();
  answerCall('direct-a');
  expect([heard.length, takeAnswer('direct-b'), takeAnswer('direct-a'), takeAnswer('direct-a')]).toEqual([
    1,
    false,
    true,
    false,
  ]);
});

test('it says what keeps two from writing', () => {
  expect((['open', 'refusing', 'refused', 'gone'] as const).map((state) => stateText(state, false))).toEqual([
    '',
    'You take no messages',
    'Takes no messages of yours',
    'Not here any more',
  ]);
  expect(stateText('open', true)).toBe('A call rings');
});
