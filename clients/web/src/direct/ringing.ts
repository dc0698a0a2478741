import type { Ringing, ServerMessage } from '@boltorezka/client';

/** The calls that ring for us, after what the server told. */
export function afterMessage(calls: readonly Ringing[], message: ServerMessage): readonly Ringing[] {
  if (message.type === 'call.ringing') {
    const { ringing } = message.payload;
    return [...calls.filter(({ room }) => room !== ringing.room), ringing];
  }
  if (message.type === 'call.ring_ended') {
    return calls.filter(({ callId }) => callId !== message.payload.callId);
  }
  return calls;
}

/** Those that still ring. */
export function stillRinging(calls: readonly Ringing[], nowMs: number): readonly Ringing[] {
  const left = calls.filter(({ endsAt }) => Date.parse(endsAt) > nowMs);
  return left.length === calls.length ? calls : left;
}

let answered: string | undefined;
const listeners = new Set<() => void>();

/** The call in a room is answered: its page joins, whether it is open or is about to be. */
export function answerCall(slug: string): void {
  answered = slug;
  for (const listener of listeners) listener();
}

/** Whether the call in a room was answered and nobody has joined for that yet. */
export function takeAnswer(slug: string): boolean {
  if (answered !== slug) return false;
  answered = undefined;
  return true;
}

/** Hears of the next answer. */
export function onAnswer(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
