import { expect, test } from 'vitest';
import { Backoff } from './backoff.ts';

test('waits grow to 12 s and stay there', () => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 7 }, () => backoff.nextMs());
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 12_000, 12_000, 12_000]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(1_000);
});

test('jitter stays within a quarter', () => {
  expect(new Backoff(() => 0).nextMs()).toBe(750);
  expect(new Backoff(() => 1).nextMs()).toBe(1_250);
});
