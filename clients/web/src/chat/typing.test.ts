import { expect, test } from 'vitest';
import { TYPING_SHOWN_MS, type Typist, typingText, withTypist } from './typing.ts';

const typist = (name: string, atMs: number): Typist => ({ userId: name, name, atMs });

test('who writes is shown for some seconds after the last word of it', () => {
  let typists = withTypist([], typist('Ann', 0));
  typists = withTypist(typists, typist('Ben', 1_000));
  expect(typingText(typists)).toBe('Ann and Ben are writing …');
  expect(typingText(withTypist(typists, typist('Ann', 2_000)))).toBe('Ben and Ann are writing …');
  expect(typingText(withTypist(typists, undefined, TYPING_SHOWN_MS))).toBe('Ben is writing …');
  expect(typingText(withTypist(typists, undefined, TYPING_SHOWN_MS + 1_000))).toBe('');
  expect(typingText(withTypist(typists, typist('Cid', 2_000)))).toBe('Several people are writing …');
});
