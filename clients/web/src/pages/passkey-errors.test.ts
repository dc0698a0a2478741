import { expect, test } from 'vitest';
import { inPlainWords, passkeyErrorText } from './passkey-errors.ts';

test('what the browser refuses is said in plain words, and what the server says is left as it is', async () => {
  const cancelled = new DOMException('The operation either timed out or was not allowed.', 'NotAllowedError');
  expect(passkeyErrorText(cancelled)).toMatch(/^Nothing was done: it was cancelled/);
  expect(passkeyErrorText(new DOMException('', 'InvalidStateError'))).toMatch(/already/);
  expect(passkeyErrorText(new DOMException('strange', 'toString'))).toBe('strange');
  expect(passkeyErrorText(new Error('the account has too many'))).toBe('the account has too many');
  await expect(inPlainWords(Promise.reject(cancelled))).rejects.toThrow(/cancelled/);
  await expect(inPlainWords(Promise.resolve(7))).resolves.toBe(7);
});
