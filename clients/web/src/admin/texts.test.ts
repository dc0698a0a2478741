import { expect, test } from 'vitest';
import { actorId, actorText, bitrateText, countText, durationText, instantOf, scopesOf, wholeLink } from './texts.ts';

test('numbers are said as people say them', () => {
  expect(bitrateText(612_400)).toBe('612 kbit/s');
  expect(bitrateText(2_540_000)).toBe('2.5 Mbit/s');
  expect(durationText(1_900)).toBe('1 s');
  expect(durationText(81_230)).toBe('1 min');
  expect(durationText(3_725_000)).toBe('1 h 2 min');
  expect(countText(1, 'person', 'people')).toBe('1 person');
  expect(countText(0, 'person', 'people')).toBe('0 people');
});

test('whoever acted has a name, also when it is gone', () => {
  expect(actorText({ kind: 'user', userId: 'u', name: 'Ann' })).toBe('Ann');
  expect(actorText({ kind: 'user', userId: 'u' })).toBe('Deleted account u');
  expect(actorText({ kind: 'api_key', apiKeyId: 'k', name: 'shop' })).toBe('API key shop');
  expect(actorText({ kind: 'owner_link' })).toBe('Owner link or command line');
  expect([actorId({ kind: 'user', userId: 'u' }), actorId({ kind: 'owner_link' })]).toEqual(['u', undefined]);
});

test('a link is whole, whether the server knows its address or not', () => {
  expect(wholeLink('/reset?token=a', 'https://talk.example')).toBe('https://talk.example/reset?token=a');
  expect(wholeLink('https://meet.example/reset?token=a', 'https://talk.example')).toBe(
    'https://meet.example/reset?token=a',
  );
});

test('a moment of a form is one of the server, and nonsense is none', () => {
  expect(instantOf('')).toBeUndefined();
  expect(instantOf('nonsense')).toBeUndefined();
  expect(instantOf('2027-01-15T08:00')).toBe(new Date(2027, 0, 15, 8).toISOString());
});

test('scopes are words, and none means all', () => {
  expect(scopesOf(' rooms, chat.message\nvideo ')).toEqual(['rooms', 'chat.message', 'video']);
  expect(scopesOf(' , ')).toBeUndefined();
});
