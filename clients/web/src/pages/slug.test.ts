import { expect, test } from 'vitest';
import { slugOf } from './slug.ts';

test('titles become names for addresses', () => {
  expect(slugOf('Stand-up, Monday')).toBe('stand-up-monday');
  expect(slugOf('  Café №2 ')).toBe('cafe-no2');
  expect(slugOf('QA')).toBe('room-qa');
  expect(slugOf('болталка')).toBe('');
  expect(slugOf(`${'a'.repeat(47)} b`)).toBe('a'.repeat(47));
});
