import { messageOf } from '../app/session.tsx';

/** What browsers say (Web Authentication, sections 5.1.3 and 5.1.4), by the name of the error. */
const TEXTS: Record<string, string> = {
  NotAllowedError: 'Nothing was done: it was cancelled, took too long, or this device has no passkey for this server.',
  AbortError: 'Nothing was done: it was cancelled.',
  InvalidStateError: 'This device has a passkey for your account already.',
  ConstraintError: 'This device cannot check who you are. Set up its lock (fingerprint, face or PIN), and try again.',
  NotSupportedError: 'This device makes no passkeys of a kind that is taken here.',
  SecurityError: 'This page was opened by another address than the server is known by. Open it by that one.',
};

/** What went wrong with a passkey, in plain words. */
export function passkeyErrorText(failure: unknown): string {
  const name = failure instanceof DOMException ? failure.name : '';
  return Object.hasOwn(TEXTS, name) ? (TEXTS[name] ?? messageOf(failure)) : messageOf(failure);
}

/** Rejects with plain words. */
export async function inPlainWords<T>(doing: Promise<T>): Promise<T> {
  try {
    return await doing;
  } catch (failure) {
    throw new Error(passkeyErrorText(failure), { cause: failure });
  }
}
