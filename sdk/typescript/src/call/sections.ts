import type { TrackSource } from '../proto.ts';

/** What the offer holds. */
export interface OfferShape {
  /** What may be sent, without cameras and screens in rooms that have none. */
  sources: readonly TrackSource[];
  audioSlots: number;
  videoSlots: number;
}

/** A screen changes little: its sharpness counts more than its rate. */
const SCREEN_BITRATE_BPS_MAX = 2_500_000;
/** What is left for pictures on a link of 500 kb/s, beside voices. */
const SCREEN_LOW_BITRATE_BPS_MAX = 300_000;

/** `scaleResolutionDownTo` is newer than the types that come with TypeScript (webrtc-extensions). */
type Encoding = RTCRtpEncodingParameters & { scaleResolutionDownTo?: { maxWidth: number; maxHeight: number } };

/**
 * Three layers of a camera. Chromium drops the highest ones of a small capture unless `scaleResolutionDownTo` is set;
 * where that is not known, `scaleResolutionDownBy` holds.
 */
const CAMERA_ENCODINGS: Encoding[] = [
  encoding('q', 4, 320, 180, 150_000),
  encoding('h', 2, 640, 360, 500_000),
  encoding('f', 1, 1280, 720, 1_700_000),
];

/**
 * Both at full size: whatever is short, a link or our own processor, a browser drops the last encoding, and
 * of what is left text must still be readable.
 */
const SCREEN_ENCODINGS: Encoding[] = [
  { rid: 'l', scaleResolutionDownBy: 1, maxBitrate: SCREEN_LOW_BITRATE_BPS_MAX },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: SCREEN_BITRATE_BPS_MAX },
];

/** The sections of a connection's offer. */
export interface Sections {
  senders: ReadonlyMap<TrackSource, RTCRtpTransceiver>;
  /** What the pictures among them send by themselves. */
  encodings: ReadonlyMap<TrackSource, readonly RTCRtpEncodingParameters[]>;
  audioSlots: readonly RTCRtpTransceiver[];
  videoSlots: RTCRtpTransceiver[];
}

/** Adds everything that the first offer holds. Nothing is sent yet: sending starts with `replaceTrack`. */
export function addSections(connection: RTCPeerConnection, shape: OfferShape): Sections {
  const senders = new Map<TrackSource, RTCRtpTransceiver>();
  for (const source of shape.sources) senders.set(source, addSender(connection, source));
  const slots = (kind: 'audio' | 'video', count: number) =>
    Array.from({ length: count }, () => connection.addTransceiver(kind, { direction: 'recvonly' }));
  const encodings = new Map<TrackSource, readonly RTCRtpEncodingParameters[]>([
    ['camera', CAMERA_ENCODINGS],
    ['screen', SCREEN_ENCODINGS],
  ]);
  return {
    senders,
    encodings,
    audioSlots: slots('audio', shape.audioSlots),
    videoSlots: slots('video', shape.videoSlots),
  };
}

function addSender(connection: RTCPeerConnection, source: TrackSource): RTCRtpTransceiver {
  const direction = 'sendonly';
  switch (source) {
    case 'microphone':
    case 'screenAudio':
      return connection.addTransceiver('audio', { direction });
    case 'camera':
      return preferVp8(connection.addTransceiver('video', { direction, sendEncodings: CAMERA_ENCODINGS }));
    case 'screen':
      return preferVp8(connection.addTransceiver('video', { direction, sendEncodings: SCREEN_ENCODINGS }));
  }
}

/** VP8 is the one codec whose simulcast works everywhere. */
function preferVp8(transceiver: RTCRtpTransceiver): RTCRtpTransceiver {
  const codecs = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const isVp8 = (codec: RTCRtpCodec) => codec.mimeType.toLowerCase() === 'video/vp8';
  if (codecs.some(isVp8) && typeof transceiver.setCodecPreferences === 'function') {
    transceiver.setCodecPreferences([...codecs.filter(isVp8), ...codecs.filter((codec) => !isVp8(codec))]);
  }
  return transceiver;
}

function encoding(rid: string, scale: number, maxWidth: number, maxHeight: number, maxBitrate: number): Encoding {
  return { rid, scaleResolutionDownBy: scale, scaleResolutionDownTo: { maxWidth, maxHeight }, maxBitrate };
}
