import type { Track } from '../call/track.ts';
import type { Participant as PresenceEntry, RoomRole, TrackSource } from '../proto.ts';

/** Someone who is in the room: what presence says, with the tracks of the call. Immutable: a change makes a new one. */
export interface Participant {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly role: RoomRole;
  /** Whether it is us. */
  readonly isLocal: boolean;
  readonly inCall: boolean;
  /** In the call, but nothing was heard of it for a while. */
  readonly isSuspended: boolean;
  readonly isSpeaking: boolean;
  /** Whether it can be heard when it speaks. */
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  readonly screenOn: boolean;
  /** Its tracks as we receive them; empty for ourselves and outside the call. */
  readonly tracks: ReadonlyMap<TrackSource, Track>;
  readonly joinedAt: string;
}

/** What of the own devices is being sent. */
export interface LocalState {
  participantId: string | undefined;
  inCall: boolean;
  microphoneOn: boolean;
  cameraOn: boolean;
  screenOn: boolean;
}

/**
 * The participants by order of arrival, ourselves first. Where we are in the call, its tracks are fresher than
 * presence; our own state is the freshest for ourselves.
 */
export function participantsOf(
  entries: Iterable<PresenceEntry>,
  tracks: readonly Track[],
  speakers: readonly string[],
  local: LocalState,
): Participant[] {
  const byParticipant = new Map<string, Map<TrackSource, Track>>();
  for (const track of tracks) {
    const own = byParticipant.get(track.participantId) ?? new Map<TrackSource, Track>();
    own.set(track.source, track);
    byParticipant.set(track.participantId, own);
  }
  const list: Participant[] = [];
  for (const entry of entries) {
    const isLocal = entry.participantId === local.participantId;
    const own = byParticipant.get(entry.participantId) ?? new Map<TrackSource, Track>();
    const on = (source: TrackSource): boolean => {
      if (!local.inCall) return entry.publishing.includes(source);
      const track = own.get(source);
      return track !== undefined && !track.muted;
    };
    list.push({
      id: entry.participantId,
      userId: entry.userId,
      name: entry.displayName,
      role: entry.role,
      isLocal,
      inCall: isLocal ? local.inCall : entry.call !== 'none' || own.size > 0,
      isSuspended: !isLocal && entry.call === 'suspended',
      isSpeaking: speakers.includes(entry.participantId),
      microphoneOn: isLocal && local.inCall ? local.microphoneOn : on('microphone'),
      cameraOn: isLocal && local.inCall ? local.cameraOn : on('camera'),
      screenOn: isLocal && local.inCall ? local.screenOn : on('screen'),
      tracks: own,
      joinedAt: entry.joinedAt,
    });
  }
  return list.sort(
    (a, b) => Number(b.isLocal) - Number(a.isLocal) || compare(a.joinedAt, b.joinedAt) || compare(a.id, b.id),
  );
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
