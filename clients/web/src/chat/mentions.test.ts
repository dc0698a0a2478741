import { expect, test } from 'vitest';
import { mentionsIn } from './mentions.ts';

const people = [
  { userId: 'ann', name: 'Ann' },
  { userId: 'ann-lee', name: 'Ann Lee' },
  { userId: 'ben', name: 'Ben' },
  { userId: 'other-ben', name: 'ben' },
];

test('an @ and the whole name mentions, whatever the case', () => {
  expect(mentionsIn('@ann, look', people)).toEqual(['ann']);
  expect(mentionsIn('(@ANN)', people)).toEqual(['ann']);
  expect(mentionsIn('Ann, @annika and mail@ann.example', people)).toEqual([]);
  expect(mentionsIn('@', people)).toEqual([]);
});

test('the longest name counts, and each once', () => {
  expect(mentionsIn('@Ann Lee and @ann lee', people)).toEqual(['ann-lee']);
  expect(mentionsIn('@Ann Leeds', people)).toEqual(['ann']);
});

test('all who have the name are mentioned, twenty at most', () => {
  expect(mentionsIn('@Ben', people)).toEqual(['ben', 'other-ben']);
  const many = Array.from({ length: 30 }, (_, index) => ({ userId: String(index), name: 'Kim' }));
  expect(mentionsIn('@kim', many)).toHaveLength(20);
});
