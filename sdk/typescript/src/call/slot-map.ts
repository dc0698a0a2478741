import type { ServerCallMessage, SlotState, TrackInfo } from '../proto.ts';

type Tracks = Extract<ServerCallMessage, { type: 'tracks' }>;
type Slots = Extract<ServerCallMessage, { type: 'slots' }>;

/** The room's tracks and what the receiving sections carry, each by its latest revision. */
export class SlotMap {
  #tracksRev = -1;
  #slotsRev = -1;
  #tracks: readonly TrackInfo[] = [];
  #slots: ReadonlyMap<string, SlotState> = new Map();

  get tracks(): readonly TrackInfo[] {
    return this.#tracks;
  }

  /** By the section's mid. */
  get slots(): ReadonlyMap<string, SlotState> {
    return this.#slots;
  }

  /** The slot that carries a track now. */
  slotOf(track: number): SlotState | undefined {
    for (const slot of this.#slots.values()) if (slot.track === track) return slot;
    return undefined;
  }

  /** Takes a message when it is newer than what is known, and says whether it did. */
  apply(message: Tracks | Slots): boolean {
    if (message.type === 'tracks') {
      if (message.rev <= this.#tracksRev) return false;
      this.#tracksRev = message.rev;
      this.#tracks = message.tracks;
    } else {
      if (message.rev <= this.#slotsRev) return false;
      this.#slotsRev = message.rev;
      this.#slots = new Map(message.slots.map((slot) => [slot.mid, slot]));
    }
    return true;
  }
}
