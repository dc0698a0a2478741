/** Why a device cannot be used. */
export type MediaProblem = 'denied' | 'absent' | 'busy' | 'insecure' | 'failed';

/** Sorts the error of `getUserMedia` or `getDisplayMedia` (Media Capture and Streams, section 10.2). */
export function mediaProblem(error: unknown): MediaProblem {
  if (!globalThis.navigator?.mediaDevices) return 'insecure';
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'absent';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'failed';
  }
}
