import { expect, test } from 'vitest';
import { ChangeNumbers } from './change-numbers.ts';

test('what comes in order moves on, what comes early leaves a gap', () => {
  const numbers = new ChangeNumbers();
  numbers.take(3);
  expect([numbers.seq, numbers.hasGap]).toEqual([undefined, true]);
  numbers.reach(1, false);
  expect([numbers.seq, numbers.hasGap]).toEqual([1, true]);
  numbers.take(2);
  expect([numbers.seq, numbers.hasGap]).toEqual([3, false]);
  numbers.take(2);
  expect([numbers.seq, numbers.hasGap]).toEqual([3, false]);
});

test('an answer never takes back what is known, unless all starts anew', () => {
  const numbers = new ChangeNumbers();
  numbers.reach(5, false);
  numbers.reach(4, false);
  expect(numbers.seq).toBe(5);
  numbers.take(9);
  numbers.reach(2, true);
  expect([numbers.seq, numbers.hasGap]).toEqual([2, false]);
});
