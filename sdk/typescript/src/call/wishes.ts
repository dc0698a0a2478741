import type { SlotState, SlotWish, TrackInfo } from '../proto.ts';

/** Heights are rounded up to a multiple of this, so that dragging a window does not make a stream of wishes. */
const HEIGHT_STEP = 45;

/** What is asked for a picture that nobody looks at: the smallest layer. */
const HEIGHT_HIDDEN = 90;

/** A pinned picture is served before the others. */
const PRIORITY_PINNED = 10;

export interface WishInput {
  /** Mids of the video slots, in the order of the offer. */
  mids: readonly string[];
  slots: ReadonlyMap<string, SlotState>;
  tracks: readonly TrackInfo[];
  /** Height in device pixels at which a track is shown; 0 when it is hidden. Unknown ones get no limit. */
  heights: ReadonlyMap<number, number>;
  /** Tracks that must have a slot, most important first. */
  pinned: readonly number[];
}

/**
 * What each video slot should carry. Slots are filled by the server's rule, at the height of the tile that shows what
 * is in them; a pinned track keeps the slot it has, or takes an empty one, or else the last.
 */
export function slotWishes({ mids, slots, tracks, heights, pinned }: WishInput): SlotWish[] {
  const pins = new Map<string, number>();
  const published = new Set(tracks.map((track) => track.track));
  for (const track of pinned) {
    if (!published.has(track)) continue;
    const free = mids.filter((mid) => !pins.has(mid));
    const mid =
      free.find((candidate) => slots.get(candidate)?.track === track) ??
      free.find((candidate) => slots.get(candidate)?.track === undefined) ??
      free.at(-1);
    if (mid !== undefined) pins.set(mid, track);
  }
  return mids.map((mid) => {
    const pin = pins.get(mid);
    const shown = pin ?? slots.get(mid)?.track;
    const height = shown === undefined ? undefined : heights.get(shown);
    const wish: SlotWish = pin === undefined ? { mid, mode: 'auto' } : { mid, mode: 'pinned', track: pin };
    if (height !== undefined) wish.heightMax = roundedUp(height);
    if (pin !== undefined) wish.priority = PRIORITY_PINNED;
    return wish;
  });
}

function roundedUp(height: number): number {
  return Math.max(HEIGHT_HIDDEN, Math.ceil(height / HEIGHT_STEP) * HEIGHT_STEP);
}
