import { ProblemError } from './errors.ts';
import type { Problem } from './proto.ts';

/** The error that an answer other than success is. `retryAfter` is its header in seconds, `text` its body. */
export function problemOf(status: number, retryAfter: string | null, text: string): ProblemError {
  const retryAfterS = Number(retryAfter ?? '');
  const retryAfterMs = retryAfterS > 0 ? retryAfterS * 1000 : undefined;
  const body = parsed(text);
  if (isProblem(body)) return new ProblemError(body, retryAfterMs);
  return new ProblemError(
    { status, code: 'internal', title: `The server answered with status ${status}` },
    retryAfterMs,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string';
}
