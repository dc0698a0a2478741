import type { DataFrom, DataKind, DataTo } from '../proto.ts';

/** Labels of the channels. */
const LABELS: Record<DataKind, string> = { reliable: 'boltorezka.reliable', lossy: 'boltorezka.lossy' };

/** Largest payloads in bytes. */
export const DATA_BYTES_MAX: Record<DataKind, number> = { reliable: 16 * 1024, lossy: 900 };

/** Bytes that may wait in the browser before more are not taken. */
const BUFFERED_MAX = 256 * 1024;

/** Bytes of the length before the header. */
const PREFIX_BYTES = 2;

/** A data message that was received. */
export interface DataMessage {
  kind: DataKind;
  /** Who sent it: the server says so. */
  from: string;
  topic: string | undefined;
  payload: Uint8Array<ArrayBuffer>;
}

/** Reliable messages that we took too slowly. */
export interface DataMissed {
  missed: number;
}

/** Puts a message together: the length of its header in two bytes, the header, the payload. */
export function encodeData(header: DataTo, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const message = new Uint8Array(PREFIX_BYTES + text.length + payload.length);
  new DataView(message.buffer).setUint16(0, text.length);
  message.set(text, PREFIX_BYTES);
  message.set(payload, PREFIX_BYTES + text.length);
  return message;
}

/** Takes a message apart; `undefined` when it is none. */
export function decodeData(kind: DataKind, message: ArrayBuffer): DataMessage | DataMissed | undefined {
  if (message.byteLength < PREFIX_BYTES) return undefined;
  const end = PREFIX_BYTES + new DataView(message).getUint16(0);
  if (message.byteLength < end) return undefined;
  let header: DataFrom;
  try {
    header = JSON.parse(new TextDecoder().decode(message.slice(PREFIX_BYTES, end))) as DataFrom;
  } catch {
    return undefined;
  }
  if ('missed' in header) return { missed: header.missed };
  return { kind, from: header.from, topic: header.topic, payload: new Uint8Array(message, end) };
}

/** The data channels of one connection. */
export class DataChannels {
  readonly #channels: Record<DataKind, RTCDataChannel>;

  constructor(peer: RTCPeerConnection, received: (message: DataMessage | DataMissed) => void) {
    const open = (kind: DataKind, init: RTCDataChannelInit) => {
      const channel = peer.createDataChannel(LABELS[kind], init);
      channel.binaryType = 'arraybuffer';
      channel.onmessage = ({ data }) => {
        const message = data instanceof ArrayBuffer ? decodeData(kind, data) : undefined;
        if (message) received(message);
      };
      return channel;
    };
    this.#channels = {
      reliable: open('reliable', { ordered: true }),
      lossy: open('lossy', { ordered: false, maxRetransmits: 0 }),
    };
  }

  /** Sends a message; false when the channel is not open, or too much waits in it. */
  send(kind: DataKind, header: DataTo, payload: Uint8Array): boolean {
    const channel = this.#channels[kind];
    if (channel.readyState !== 'open' || channel.bufferedAmount > BUFFERED_MAX) return false;
    channel.send(encodeData(header, payload));
    return true;
  }
}
