import type { MediaPermissions, ServerCallMessage } from '../proto.ts';
import type { CallQuality } from './quality.ts';
import { SlotMap } from './slot-map.ts';
import { type Track, trackOf } from './track.ts';

export const NO_PERMISSIONS: MediaPermissions = {
  subscribe: false,
  microphone: false,
  camera: false,
  screen: false,
  data: false,
  hidden: false,
};

/** What the shard has told on one connection. */
export class InCallState {
  readonly slotMap = new SlotMap();
  /** Who the shard says we are; known after `welcome`. */
  participantId: string | undefined;
  permissions = NO_PERMISSIONS;
  /** Ids of those who are heard, loudest first. */
  speakers: readonly string[] = [];
  /** The others' tracks, by order of arrival. */
  tracks: readonly Track[] = [];
  quality: CallQuality | undefined;

  /** With this the connection comes back when its way to the server is gone. */
  resumeToken: string | undefined;

  #wantedRev = -1;

  /** Whether a `wanted` is newer than the one before. */
  isNewWanted(rev: number): boolean {
    if (rev <= this.#wantedRev) return false;
    this.#wantedRev = rev;
    return true;
  }

  /** Takes a message; `mediaOf` gives what arrives in a slot. Says whether anything changed. */
  apply(message: ServerCallMessage, mediaOf: (mid: string) => MediaStreamTrack | undefined): boolean {
    switch (message.type) {
      case 'welcome':
        this.participantId = message.participantId;
        this.permissions = message.permissions;
        return true;
      case 'resume':
        this.resumeToken = message.token;
        return false;
      case 'tracks':
      case 'slots':
        if (!this.slotMap.apply(message)) return false;
        this.tracks = this.slotMap.tracks.map((info) => {
          const slot = this.slotMap.slotOf(info.track);
          return trackOf(info, slot, slot && mediaOf(slot.mid));
        });
        return true;
      case 'speakers':
        this.speakers = message.participantIds;
        return true;
      case 'quality':
        this.quality = {
          downlinkBps: message.downlinkBps,
          uplinkLossRatio: message.uplinkLossRatio,
          downlinkLossRatio: this.quality?.downlinkLossRatio ?? 0,
          rttMs: message.rttMs,
        };
        return true;
      default:
        return false;
    }
  }

  /** Takes what we have measured ourselves. Says whether anything changed. */
  measured(downlinkLossRatio: number): boolean {
    if (!this.quality || this.quality.downlinkLossRatio === downlinkLossRatio) return false;
    this.quality = { ...this.quality, downlinkLossRatio };
    return true;
  }
}
