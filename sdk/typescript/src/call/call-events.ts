import type { ChangeEvents } from '../emitter.ts';
import type { DataKind, DataTo, EndReason, RoomKind, ServerCallMessage, TelemetryEvent } from '../proto.ts';
import type { DataMessage } from './data.ts';

export type CallState = 'idle' | 'joining' | 'connected' | 'reconnecting';

/** How a call reaches the control plane. */
export interface CallSignalling {
  readonly kind: RoomKind;
  offer(sdp: string): Promise<void>;
  candidate(candidate: string): void;
  /** Restarts ICE by a resume token alone, when nothing else is left; gives the answer. */
  resume(token: string, sdp: string): Promise<string>;
  leave(): void;
  /** Tells how it went, beside everything else. */
  report(...events: TelemetryEvent[]): void;
  /** Resolves when requests can be made again. */
  whenJoined(): Promise<void>;
}

export interface CallEvents extends ChangeEvents {
  /** The call is over, and does not come back by itself. */
  ended: EndReason;
  /** The shard refused a message: a defect worth reporting. */
  refused: string;
  /** Somebody's data message. */
  data: DataMessage;
  /** So many reliable data messages were dropped here, since we took them too slowly. */
  dataMissed: number;
  /** The server refused data messages of ours. */
  dataRefused: DataRefused;
}

export type DataRefused = Omit<Extract<ServerCallMessage, { type: 'dataRefused' }>, 'type'>;

/** How a data message is sent. */
export interface DataOptions extends DataTo {
  /** `reliable` when absent. */
  kind?: DataKind;
}
