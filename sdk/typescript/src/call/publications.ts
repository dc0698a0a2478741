import type { MediaPermissions, Publication, TrackSource } from '../proto.ts';

/** What is to be sent from one source. */
export interface SourceState {
  /** Whether there is something to send. */
  live: boolean;
  /** Muted sources stay published. */
  muted: boolean;
  /** Heights in pixels of a picture's encodings, in the order of the offer. */
  heights?: readonly number[];
}

/** Whether a source may be published. Rights fail closed. */
export function mayPublish(permissions: MediaPermissions, source: TrackSource): boolean {
  if (permissions.hidden) return false;
  return source === 'screenAudio' ? permissions.screen : permissions[source];
}

/** The list for `publish`: live sources that have a section and are allowed. */
export function publications(
  states: ReadonlyMap<TrackSource, SourceState>,
  mids: ReadonlyMap<TrackSource, string>,
  permissions: MediaPermissions,
): Publication[] {
  const list: Publication[] = [];
  for (const [source, state] of states) {
    const mid = mids.get(source);
    if (!state.live || mid === undefined || !mayPublish(permissions, source)) continue;
    const entry: Publication = { mid, source, muted: state.muted };
    if (state.heights !== undefined) entry.heights = [...state.heights];
    list.push(entry);
  }
  return list;
}
