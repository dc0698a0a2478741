import { Emitter } from '../emitter.ts';
import type { ClientCallMessage, DataKind, DataTo, ServerCallMessage, TrackSource, WantedTrack } from '../proto.ts';
import { DataChannels, type DataMessage, type DataMissed } from './data.ts';
import { addSections, type OfferShape, type Sections } from './sections.ts';
import { WantedSender } from './wanted.ts';

/** Label of the data channel that carries the in-call messages. */
const CHANNEL_LABEL = 'boltorezka';

/** A connection often comes back from `disconnected` by itself; when nothing comes in for this long it is given up. */
const SILENT_MAX_MS = 4_000;

export interface ConnectionEvents {
  /** A candidate of ours, as in `a=candidate`; empty at the end. */
  candidate: string;
  /** The channel is open. */
  open: undefined;
  /** An in-call message. */
  message: ServerCallMessage;
  /** A data message, or word of some that were missed. */
  data: DataMessage | DataMissed;
  /** Nothing comes in any more. The way to the server is gone, and may be found again by `restart`. */
  interrupted: undefined;
  /** The connection is over. A new one is needed. */
  lost: undefined;
}

/** One RTCPeerConnection with its sections and its data channel. It may be interrupted; once lost it is replaced. */
export class CallConnection extends Emitter<ConnectionEvents> {
  readonly #peer: RTCPeerConnection;
  readonly #channel: RTCDataChannel;
  readonly #data: DataChannels;
  readonly #sections: Sections;
  readonly #wanted = new Map<TrackSource, WantedSender>();
  readonly #sent = new Map<TrackSource, MediaStreamTrack | null>();
  #closed = false;
  #wasReached = false;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(shape: OfferShape) {
    super();
    this.#peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.#sections = addSections(this.#peer, shape);
    for (const [source, encodings] of this.#sections.encodings) {
      const sender = this.#sections.senders.get(source)?.sender;
      if (sender) this.#wanted.set(source, new WantedSender(sender, encodings));
    }
    this.#channel = this.#peer.createDataChannel(CHANNEL_LABEL, { ordered: true });
    this.#data = new DataChannels(this.#peer, (message) => this.emit('data', message));
    this.#channel.onopen = () => this.emit('open', undefined);
    this.#channel.onclose = () => this.#lose();
    this.#channel.onmessage = (event) => this.emit('message', JSON.parse(String(event.data)) as ServerCallMessage);
    this.#peer.onicecandidate = ({ candidate }) => this.emit('candidate', candidate?.candidate ?? '');
    this.#peer.onconnectionstatechange = () => this.#watch();
    this.#peer.oniceconnectionstatechange = () => {
      if (['connected', 'completed'].includes(this.#peer.iceConnectionState)) this.#wasReached = true;
    };
  }

  /** Whether the server has answered an offer. */
  get isAnswered(): boolean {
    return this.#peer.remoteDescription !== null;
  }

  /** Whether a path to the server was found, now or before. */
  get wasReached(): boolean {
    return this.#wasReached;
  }

  get isOpen(): boolean {
    return this.#channel.readyState === 'open';
  }

  /** Mids of the sending sections; known after the offer. */
  get senderMids(): ReadonlyMap<TrackSource, string> {
    const mids = new Map<TrackSource, string>();
    for (const [source, { mid }] of this.#sections.senders) if (mid !== null) mids.set(source, mid);
    return mids;
  }

  get videoSlotMids(): readonly string[] {
    return this.#sections.videoSlots.map(({ mid }) => mid ?? '').filter((mid) => mid !== '');
  }

  /** Also those that were not offered yet. */
  get videoSlotCount(): number {
    return this.#sections.videoSlots.length;
  }

  /** What arrives in the audio slots. */
  get audioTracks(): readonly MediaStreamTrack[] {
    return this.#sections.audioSlots.map(({ receiver }) => receiver.track);
  }

  /** What arrives in a slot. The track is the slot's own and never changes. */
  slotTrack(mid: string): MediaStreamTrack | undefined {
    const slots = [...this.#sections.videoSlots, ...this.#sections.audioSlots];
    return slots.find((slot) => slot.mid === mid)?.receiver.track;
  }

  /** Makes the offer. Candidates are not waited for: the server learns them from checks. */
  async offer(): Promise<string> {
    await this.#peer.setLocalDescription();
    return this.#peer.localDescription?.sdp ?? '';
  }

  /** Makes an offer that looks for a way to the server anew. */
  restart(): Promise<string> {
    this.#peer.restartIce();
    return this.offer();
  }

  /** Waits until the server is reached; false when that takes too long. */
  connected(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#peer.connectionState !== 'connected') return;
        clearTimeout(timer);
        this.#peer.removeEventListener('connectionstatechange', look);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#peer.removeEventListener('connectionstatechange', look);
        resolve(false);
      }, timeoutMs);
      this.#peer.addEventListener('connectionstatechange', look);
      look();
    });
  }

  async answer(sdp: string): Promise<void> {
    await this.#peer.setRemoteDescription({ type: 'answer', sdp });
  }

  /** Adds slots. Another offer and answer must follow. */
  addVideoSlots(count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.#sections.videoSlots.push(this.#peer.addTransceiver('video', { direction: 'recvonly' }));
    }
  }

  /** How high the encodings of a picture of `height` pixels are. */
  heights(source: TrackSource, height: number): number[] {
    const encodings = this.#sections.encodings.get(source) ?? [];
    return encodings.map(({ scaleResolutionDownBy = 1 }) => Math.round(height / scaleResolutionDownBy));
  }

  /** Sends `track`, or nothing, from a source's section. Costs no negotiation. */
  async send(source: TrackSource, track: MediaStreamTrack | null): Promise<void> {
    const sender = this.#sections.senders.get(source)?.sender;
    if (!sender || this.#closed || (this.#sent.get(source) ?? null) === track) return;
    this.#sent.set(source, track);
    try {
      await sender.replaceTrack(track);
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  /** Sends of the pictures what is wanted of them. */
  follow(tracks: readonly WantedTrack[]): void {
    for (const [source, sender] of this.#wanted) {
      const mid = this.#sections.senders.get(source)?.mid;
      void sender.follow(tracks.find((track) => track.mid === mid)).catch(() => undefined);
    }
  }

  post(message: ClientCallMessage): void {
    if (this.isOpen) this.#channel.send(JSON.stringify(message));
  }

  /** Sends a data message; false when that is not possible now. */
  sendData(kind: DataKind, header: DataTo, payload: Uint8Array): boolean {
    return this.#data.send(kind, header, payload);
  }

  stats(): Promise<RTCStatsReport> {
    return this.#peer.getStats();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#silenceTimer);
    this.#peer.close();
  }

  #watch(): void {
    clearTimeout(this.#silenceTimer);
    const state = this.#peer.connectionState;
    if (state === 'failed') this.#interrupt();
    if (state === 'disconnected') void this.#loseWhenSilent();
  }

  /** Firefox is `disconnected` when a single check is lost, for seconds, while all else goes on. */
  async #loseWhenSilent(): Promise<void> {
    const before = await this.#bytesReceived();
    if (this.#peer.connectionState !== 'disconnected') return;
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(async () => {
      const now = await this.#bytesReceived();
      if (this.#peer.connectionState !== 'disconnected') return;
      if (now === before) this.#interrupt();
      else void this.#loseWhenSilent();
    }, SILENT_MAX_MS);
  }

  async #bytesReceived(): Promise<number> {
    let bytes = 0;
    for (const report of (await this.stats()).values()) {
      if (report.type === 'candidate-pair') bytes += report.bytesReceived ?? 0;
    }
    return bytes;
  }

  #interrupt(): void {
    if (!this.#closed) this.emit('interrupted', undefined);
  }

  #lose(): void {
    if (this.#closed) return;
    this.close();
    this.emit('lost', undefined);
  }
}
