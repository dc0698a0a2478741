import type { Participant, PresenceUpdate, RoomJoined } from '../proto.ts';

/** Most updates kept while the list is asked for anew. A room that sends more in that time is asked for once more. */
const EARLY_MAX = 64;

/**
 * Who is in a room, from the list in the answer to `room.join` and the numbered updates after it.
 *
 * An update that does not follow the last one means that one was lost: `apply` then answers `'gap'`, keeps the update
 * for later, and wants a new list.
 */
export class Presence {
  #participants = new Map<string, Participant>();
  #seq = -1;
  #early: PresenceUpdate[] = [];

  get participants(): ReadonlyMap<string, Participant> {
    return this.#participants;
  }

  /** Starts anew from a whole list, then takes the updates that came before it but are newer. */
  reset(list: Pick<RoomJoined, 'participants' | 'seq'>): void {
    this.#participants = new Map(list.participants.map((entry) => [entry.participantId, entry]));
    this.#seq = list.seq;
    const early = this.#early.sort((a, b) => a.seq - b.seq);
    this.#early = [];
    for (const update of early) this.apply(update);
  }

  apply(update: PresenceUpdate): 'applied' | 'old' | 'gap' {
    if (update.snapshot) {
      // A restarted server counts anew, so a snapshot holds whatever its number.
      this.#early = [];
      this.reset({ participants: update.joined, seq: update.seq });
      return 'applied';
    }
    if (this.#seq >= 0 && update.seq <= this.#seq) return 'old';
    if (this.#seq < 0 || update.seq > this.#seq + 1) {
      if (this.#early.length < EARLY_MAX) this.#early.push(update);
      return 'gap';
    }
    const next = new Map(this.#participants);
    for (const id of update.left) next.delete(id);
    for (const entry of [...update.joined, ...update.changed]) next.set(entry.participantId, entry);
    this.#participants = next;
    this.#seq = update.seq;
    return 'applied';
  }
}
