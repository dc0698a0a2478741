import type { LayerReason, TrackInfo, TrackSource } from '../proto.ts';

/** A track of another participant. Immutable: a change makes a new one. */
export interface Track {
  /** Number on its node. */
  readonly number: number;
  readonly participantId: string;
  readonly source: TrackSource;
  /** Whether nothing of it is forwarded now. */
  readonly muted: boolean;
  /** What to show or play, while a slot carries the track. */
  readonly media: MediaStreamTrack | undefined;
  /** The encoding that arrives. */
  readonly rid: string | undefined;
  /** Why it is that encoding. */
  readonly reason: LayerReason | undefined;
}

/** Puts together what the room's list and the slot say. */
export function trackOf(
  info: TrackInfo,
  slot: { rid?: string; reason?: LayerReason } | undefined,
  media: MediaStreamTrack | undefined,
): Track {
  return {
    number: info.track,
    participantId: info.participantId,
    source: info.source,
    muted: info.muted,
    media,
    rid: slot?.rid,
    reason: slot?.reason,
  };
}
