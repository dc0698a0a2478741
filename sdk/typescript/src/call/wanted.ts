import type { WantedTrack } from '../proto.ts';

/** `codec` is newer than the types that come with TypeScript (webrtc-extensions). */
export type WantedParameters = RTCRtpEncodingParameters & { codec?: { mimeType: string; clockRate: number } };

const VP8 = { mimeType: 'video/VP8', clockRate: 90_000 };

/**
 * What is sent of a picture, made to fit what is wanted of it: nothing that nobody watches, not more than the best
 * subscriber can take, VP8 where somebody takes no other. `own` are the encodings as they were offered. Says whether
 * anything changed.
 *
 * With several encodings the server chooses among them, and each keeps its rate.
 */
export function fitToWanted(
  encodings: WantedParameters[],
  own: ReadonlyMap<string | undefined, number | undefined>,
  wanted: WantedTrack | undefined,
): boolean {
  let changed = false;
  for (const [index, encoding] of encodings.entries()) {
    const rid = encoding.rid === '' ? undefined : encoding.rid;
    const entry = wanted?.encodings.find((entry) => entry.rid === rid) ?? wanted?.encodings[index];
    const active = entry?.wanted ?? true;
    if (encoding.active !== active) {
      encoding.active = active;
      changed = true;
    }
    const ownMax = own.get(rid);
    const limit = encodings.length === 1 ? wanted?.bitrateBps : undefined;
    const maxBitrate = limit === undefined ? ownMax : Math.min(limit, ownMax ?? limit);
    if (encoding.maxBitrate !== maxBitrate) {
      if (maxBitrate === undefined) delete encoding.maxBitrate;
      else encoding.maxBitrate = maxBitrate;
      changed = true;
    }
    const codec = wanted?.codec === 'vp8' ? VP8 : undefined;
    if (encoding.codec?.mimeType.toLowerCase() !== codec?.mimeType.toLowerCase()) {
      if (codec) encoding.codec = codec;
      else delete encoding.codec;
      changed = true;
    }
  }
  return changed;
}

/** Makes one sender follow what is wanted. Changes go one after the other: parameters are read and written as one. */
export class WantedSender {
  readonly #sender: RTCRtpSender;
  readonly #own = new Map<string | undefined, number | undefined>();
  #wanted: WantedTrack | undefined;
  #running: Promise<void> | undefined;
  #isStale = false;

  constructor(sender: RTCRtpSender, offered: readonly RTCRtpEncodingParameters[]) {
    this.#sender = sender;
    for (const { rid, maxBitrate } of offered) this.#own.set(rid, maxBitrate);
  }

  /** Takes what is wanted now; nothing in particular when `undefined`. */
  follow(wanted: WantedTrack | undefined): Promise<void> {
    this.#wanted = wanted;
    this.#isStale = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      const parameters = this.#sender.getParameters();
      if (!fitToWanted(parameters.encodings, this.#own, this.#wanted)) continue;
      try {
        await this.#sender.setParameters(parameters);
      } catch {
        // A browser that cannot do all of it goes on as before: what is sent is then more than is needed, never less.
        await this.#pauseOnly().catch(() => undefined);
      }
    }
  }

  /** Without the codec, which not every browser lets us choose. */
  async #pauseOnly(): Promise<void> {
    const parameters = this.#sender.getParameters();
    const { codec: _, ...rest } = this.#wanted ?? { mid: '', encodings: [] };
    if (fitToWanted(parameters.encodings, this.#own, rest)) await this.#sender.setParameters(parameters);
  }
}
