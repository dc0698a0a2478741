import { expect, test } from 'vitest';
import { sizeText } from './sizes.ts';

test('a size is said in the unit that fits', () => {
  expect([0, 1, 1023, 1024, 48_213].map(sizeText)).toEqual(['0 bytes', '1 byte', '1023 bytes', '1 KB', '47 KB']);
  expect([1_048_500, 1_048_576, 26_214_400].map(sizeText)).toEqual(['1.0 MB', '1.0 MB', '25.0 MB']);
});
