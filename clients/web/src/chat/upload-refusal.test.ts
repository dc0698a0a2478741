import { BoltorezkaError, type FailureCode } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { uploadRefusal } from './upload-refusal.ts';

const refusal = (code: FailureCode, message: string) =>
  uploadRefusal(new BoltorezkaError(code, message), { size: 30 * 1024 * 1024 });

test('what another try does not change is not tried again', () => {
  expect(refusal('too_large', 'a file may have 26214400 bytes at most')).toEqual({
    error: '30.0 MB is too large for this server. Choose a smaller file.',
    mayRetry: false,
  });
  expect(refusal('unsupported_media_type', 'the content is text/html; the server takes image/png')).toEqual({
    error: 'The content is text/html; the server takes image/png.',
    mayRetry: false,
  });
  expect(refusal('malformed', 'the body is the file, and it is empty').mayRetry).toBe(false);
});

test('what may go better another time says what to do', () => {
  expect(refusal('rate_limited', 'Too many requests').error).toMatch(/try again/);
  expect(refusal('network', 'The upload broke off.')).toEqual({ error: 'The upload broke off.', mayRetry: true });
  expect(refusal('conflict', 'the room is full; delete messages first').mayRetry).toBe(true);
});
