import { codeOf, type FailureCode } from '../errors.ts';
import type { CallFailure, TelemetryEvent } from '../proto.ts';

/** Refusals that another try does not change. */
export const FINAL_CODES: readonly FailureCode[] = [
  'forbidden',
  'banned',
  'not_found',
  'feature_disabled',
  'direct_refused',
  'recipient_gone',
  'closed',
];

/** How far a new connection came. */
export interface Progress {
  /** The answer is there. */
  readonly isAnswered: boolean;
  /** The media node was reached, now or before. */
  readonly wasReached: boolean;
}

const UNAVAILABLE: readonly FailureCode[] = ['media_unavailable', 'overloaded', 'unavailable'];
const NO_ANSWER: readonly FailureCode[] = ['network', 'timeout', 'connection_lost'];
/** Failures that say nothing of how calls do. */
const OTHER: readonly FailureCode[] = ['internal', 'malformed', 'unacceptable_offer', 'rate_limited'];

/** What telemetry says of a connection that did not come about. */
export function failureEvents(error: unknown, progress: Progress): TelemetryEvent[] {
  const reason = failureOf(error, progress);
  const failed: TelemetryEvent = { type: 'callFailed', reason };
  return reason === 'no_path' ? [failed, { type: 'iceFailed' }] : [failed];
}

function failureOf(error: unknown, { isAnswered, wasReached }: Progress): CallFailure {
  if (isAnswered) return wasReached ? 'no_channel' : 'no_path';
  const code = codeOf(error);
  if (code === undefined || OTHER.includes(code)) return 'other';
  if (UNAVAILABLE.includes(code)) return 'unavailable';
  return NO_ANSWER.includes(code) ? 'no_answer' : 'refused';
}
