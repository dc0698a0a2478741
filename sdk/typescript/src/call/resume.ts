import { BoltorezkaError, codeOf, type FailureCode } from '../errors.ts';
import { Backoff } from '../realtime/backoff.ts';
import type { CallConnection } from './connection.ts';

/** The server keeps a seat for so long after it heard nothing more. */
const SEAT_KEPT_MS = 75_000;

/** From the answer to media. */
const CONNECT_TIMEOUT_MS = 12_000;

/** After these the next try may succeed; other refusals are final. */
const RETRIED: readonly FailureCode[] = ['network', 'timeout', 'rate_limited'];

/**
 * Brings a connection back whose way to the server is gone, by restarting ICE: `exchange` takes the offer to the server and
 * gives the answer. Says whether it is back. Tracks, slots and the data channel stay what they are.
 */
export async function resume(
  connection: Pick<CallConnection, 'restart' | 'answer' | 'connected'>,
  exchange: (sdp: string) => Promise<string>,
  isWanted: () => boolean,
): Promise<boolean> {
  const backoff = new Backoff();
  const giveUpAtMs = Date.now() + SEAT_KEPT_MS;
  while (isWanted() && Date.now() < giveUpAtMs) {
    try {
      await connection.answer(await exchange(await connection.restart()));
      if (await connection.connected(CONNECT_TIMEOUT_MS)) return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || !RETRIED.includes(code)) return false;
      const askedMs = error instanceof BoltorezkaError ? error.retryAfterMs : undefined;
      await new Promise((resolve) => setTimeout(resolve, askedMs ?? backoff.nextMs()));
    }
  }
  return false;
}
