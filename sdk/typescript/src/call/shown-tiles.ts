import type { SlotWish, TrackSource } from '../proto.ts';
import type { SlotMap } from './slot-map.ts';
import { slotWishes } from './wishes.ts';

/** Which pictures the page shows, and how large. It outlives connections: participants keep their ids. */
export class ShownTiles {
  readonly #heights = new Map<string, number>();
  #pinned: string | undefined;

  /** `{participantId}/{source}` of the pinned track. */
  get pinned(): string | undefined {
    return this.#pinned;
  }

  /** `height` in device pixels; 0 when hidden. */
  show(participantId: string, source: TrackSource, height: number): void {
    this.#heights.set(key(participantId, source), height);
  }

  hide(participantId: string, source: TrackSource): void {
    this.#heights.delete(key(participantId, source));
  }

  pin(participantId: string, source: TrackSource): void {
    this.#pinned = key(participantId, source);
  }

  unpin(): void {
    this.#pinned = undefined;
  }

  wishes(mids: readonly string[], { tracks, slots }: SlotMap): SlotWish[] {
    const heights = new Map<number, number>();
    const pinned: number[] = [];
    for (const { track, participantId, source } of tracks) {
      const height = this.#heights.get(key(participantId, source));
      if (height !== undefined) heights.set(track, height);
      if (key(participantId, source) === this.#pinned) pinned.push(track);
    }
    return slotWishes({ mids, slots, tracks, heights, pinned });
  }
}

function key(participantId: string, source: TrackSource): string {
  return `${participantId}/${source}`;
}
