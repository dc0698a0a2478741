import { expect, test } from 'vitest';
import { BoltorezkaError, type FailureCode } from '../errors.ts';
import { failureEvents } from './failure.ts';

const early = { isAnswered: false, wasReached: false };

test('before the answer, the error says why', () => {
  const reason = (code: FailureCode) => failureEvents(new BoltorezkaError(code, ''), early);
  expect(reason('forbidden')).toEqual([{ type: 'callFailed', reason: 'refused' }]);
  expect(reason('overloaded')).toEqual([{ type: 'callFailed', reason: 'unavailable' }]);
  expect(reason('timeout')).toEqual([{ type: 'callFailed', reason: 'no_answer' }]);
  expect(reason('internal')).toEqual([{ type: 'callFailed', reason: 'other' }]);
  expect(failureEvents(new TypeError(), early)).toEqual([{ type: 'callFailed', reason: 'other' }]);
});

test('after it, how far the connection came', () => {
  const error = new BoltorezkaError('timeout', '');
  expect(failureEvents(error, { isAnswered: true, wasReached: true })).toEqual([
    { type: 'callFailed', reason: 'no_channel' },
  ]);
  expect(failureEvents(error, { isAnswered: true, wasReached: false })).toEqual([
    { type: 'callFailed', reason: 'no_path' },
    { type: 'iceFailed' },
  ]);
});
