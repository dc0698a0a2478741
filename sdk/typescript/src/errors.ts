import type { ErrorCode, Problem } from './proto.ts';

/** What went wrong, for programs: a code of the server, or one of this library. */
export type FailureCode = ErrorCode | 'network' | 'timeout' | 'connection_lost' | 'closed';

/** An error that a person can be told: `message` says what is wrong and, where there is one, the cure. */
export class BoltorezkaError extends Error {
  /** The stable reason. */
  readonly code: FailureCode;
  /** Earliest time of another try in milliseconds, when the server gave one. */
  readonly retryAfterMs: number | undefined;

  constructor(code: FailureCode, message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'BoltorezkaError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A refused HTTP request: the problem document of the answer (RFC 9457). */
export class ProblemError extends BoltorezkaError {
  readonly problem: Problem;

  constructor(problem: Problem, retryAfterMs?: number) {
    super(problem.code, problem.detail ?? problem.title, retryAfterMs);
    this.name = 'ProblemError';
    this.problem = problem;
  }
}

/** The code of any error, or `undefined` when it is not one of ours. */
export function codeOf(error: unknown): FailureCode | undefined {
  return error instanceof BoltorezkaError ? error.code : undefined;
}
