import { Observable } from '../emitter.ts';
import { BoltorezkaError } from '../errors.ts';
import { AudioOutput } from '../media/audio-output.ts';
import type { LocalMedia } from '../media/local-media.ts';
import type {
  ClientStateKind,
  DataTo,
  EndReason,
  MediaPermissions,
  ServerCallMessage,
  SlotWish,
  TrackSource,
} from '../proto.ts';
import { Backoff } from '../realtime/backoff.ts';
import type { CallEvents, CallSignalling, CallState, DataOptions } from './call-events.ts';
import { CallConnection } from './connection.ts';
import { DATA_BYTES_MAX } from './data.ts';
import { FINAL_CODES, failureEvents } from './failure.ts';
import { InCallState } from './in-call-state.ts';
import { LossMeter } from './loss-meter.ts';
import { Outgoing } from './outgoing.ts';
import { publications, type SourceState } from './publications.ts';
import type { CallQuality } from './quality.ts';
import { resume } from './resume.ts';
import type { OfferShape } from './sections.ts';
import { ShownTiles } from './shown-tiles.ts';
import type { Track } from './track.ts';

/** Voices that can be heard at once: the loudest three, and the sound of a shared screen. */
const AUDIO_SLOTS = 4;

/** Pictures that can be shown at once, before `setVideoSlots` says otherwise. */
const VIDEO_SLOTS = 9;

/** From the offer to the answer. */
const ANSWER_TIMEOUT_MS = 10_000;

/** From the answer to an open channel. */
const CONNECT_TIMEOUT_MS = 12_000;

/** Tile sizes settle before they become wishes. */
const WISH_DEBOUNCE_MS = 250;

/** How often unacknowledged states are looked at and the loss is measured. */
const TICK_MS = 2_000;

/** Reasons after which a client joins again by itself. */
const REJOIN_REASONS: readonly EndReason[] = ['timeout', 'drain', 'failed'];

/** The person's part in a room's call. Connections come and go inside it; what is sent and shown stays. */
export class Call extends Observable<CallEvents> {
  readonly output = new AudioOutput();
  readonly #signalling: CallSignalling;
  readonly #backoff = new Backoff();
  readonly #publish = new Outgoing<ReturnType<typeof publications>>((rev, tracks) =>
    this.#connection?.post({ type: 'publish', rev, tracks }),
  );
  readonly #subscribe = new Outgoing<SlotWish[]>((rev, slots) =>
    this.#connection?.post({ type: 'subscribe', rev, slots }),
  );
  #state: CallState = 'idle';
  #connection: CallConnection | undefined;
  #media: LocalMedia | undefined;
  #stopWatchingMedia: (() => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #wishTimer: ReturnType<typeof setTimeout> | undefined;
  #answered: ((sdp: string) => void) | undefined;
  /** Grows when a call is joined or left, so that a late step of an earlier one changes nothing. */
  #generation = 0;
  #inCall = new InCallState();
  #loss = new LossMeter();
  readonly #tiles = new ShownTiles();
  #videoSlots = VIDEO_SLOTS;
  #isAddingSlots = false;
  #wasJoined = false;

  constructor(signalling: CallSignalling) {
    super();
    this.#signalling = signalling;
  }

  get state(): CallState {
    return this.#state;
  }

  /** Whether media has flowed since the room was entered, now or before. */
  get wasJoined(): boolean {
    return this.#wasJoined;
  }

  /** What the server lets us do; nothing before it has said so. */
  get permissions(): MediaPermissions {
    return this.#inCall.permissions;
  }

  /** The others' tracks, by order of arrival. */
  get tracks(): readonly Track[] {
    return this.#inCall.tracks;
  }

  /** Ids of those who are heard speaking, loudest first. */
  get speakers(): readonly string[] {
    return this.#inCall.speakers;
  }

  get quality(): CallQuality | undefined {
    return this.#inCall.quality;
  }

  /** Who the media node says we are. */
  get participantId(): string | undefined {
    return this.#inCall.participantId;
  }

  /** The own devices, while in the call. */
  get media(): LocalMedia | undefined {
    return this.#media;
  }

  /** `{participantId}/{source}` of the pinned track. */
  get pinned(): string | undefined {
    return this.#tiles.pinned;
  }

  /**
   * Joins with what `media` has, now and later. Resolves when media can flow; rejects when the first try fails. After
   * that the call comes back by itself whenever the connection is lost, until it is left or `ended`.
   */
  async join(media: LocalMedia): Promise<void> {
    if (this.#state !== 'idle') return;
    this.#generation += 1;
    const generation = this.#generation;
    this.#media = media;
    this.#stopWatchingMedia = media.on('change', () => this.#syncMedia());
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#setState('joining');
    try {
      await this.#connect(generation);
    } catch (error) {
      if (generation === this.#generation) this.#stop();
      throw error;
    }
  }

  leave(): void {
    if (this.#state === 'idle') return;
    this.#signalling.leave();
    this.#stop();
  }

  /** Ends it here without a word: the server knows already. */
  close(): void {
    if (this.#state !== 'idle') this.#stop();
  }

  /** Takes `call.answer`. */
  answered(sdp: string): void {
    this.#answered?.(sdp);
  }

  /** Takes `call.ended`, and its twin on the data channel. */
  end(reason: EndReason): void {
    if (this.#state === 'idle') return;
    if (REJOIN_REASONS.includes(reason)) {
      this.#connectionLost(this.#connection);
      return;
    }
    // While we make a new connection, the one that it replaces is an old one of ours.
    if (reason === 'replaced' && this.#state !== 'connected') return;
    this.#stop();
    this.emit('ended', reason);
  }

  /** The room gave us another seat: the connection of the old one is void. */
  reconnect(): void {
    this.#connectionLost(this.#connection);
  }

  /** Tells at which height in CSS pixels a track is shown; 0 when it is hidden. */
  show(participantId: string, source: TrackSource, height: number): void {
    this.#tiles.show(participantId, source, height * (globalThis.devicePixelRatio || 1));
    this.#wishLater();
  }

  /** The track is no longer shown at all. */
  hide(participantId: string, source: TrackSource): void {
    this.#tiles.hide(participantId, source);
    this.#wishLater();
  }

  /** Wants one track whatever the server's rule says; without arguments, none. */
  pin(participantId?: string, source: TrackSource = 'camera'): void {
    if (participantId === undefined) this.#tiles.unpin();
    else this.#tiles.pin(participantId, source);
    this.#wishLater();
    this.changed();
  }

  /**
   * Sends `payload` to the room, or to the participants named in `to`. False when the call is not connected, or so much
   * waits already that it was not taken: try again later. Throws when it breaks a bound.
   */
  sendData(payload: Uint8Array, { kind = 'reliable', to, topic }: DataOptions = {}): boolean {
    if (payload.length > DATA_BYTES_MAX[kind]) {
      throw new RangeError(`A ${kind} message may have ${DATA_BYTES_MAX[kind]} bytes; send it in parts.`);
    }
    const header: DataTo = {};
    if (to) header.to = to;
    if (topic !== undefined) header.topic = topic;
    return this.#connection?.sendData(kind, header, payload) ?? false;
  }

  /** How many pictures can be shown at once. More than before are negotiated now, fewer with the next connection. */
  async setVideoSlots(count: number): Promise<void> {
    this.#videoSlots = count;
    if (this.#state === 'connected') await this.#addSlots();
  }

  /** For diagnosis. */
  stats(): Promise<RTCStatsReport> | undefined {
    return this.#connection?.stats();
  }

  #shape(): OfferShape {
    const { kind } = this.#signalling;
    const hasPictures = kind === 'video' || kind === 'direct';
    return {
      sources: hasPictures ? ['microphone', 'camera', 'screen', 'screenAudio'] : ['microphone'],
      audioSlots: AUDIO_SLOTS,
      videoSlots: hasPictures ? this.#videoSlots : 0,
    };
  }

  async #connect(generation: number): Promise<void> {
    const connection = new CallConnection(this.#shape());
    this.#connection = connection;
    this.#inCall = new InCallState();
    this.#loss = new LossMeter();
    this.#publish.restart();
    this.#subscribe.restart();
    connection.on('candidate', (candidate) => this.#signalling.candidate(candidate));
    connection.on('message', (message) => {
      if (connection === this.#connection) this.#receive(message);
    });
    connection.on('data', (message) => {
      if (connection !== this.#connection) return;
      if ('missed' in message) this.emit('dataMissed', message.missed);
      else this.emit('data', message);
    });
    const opened = new Promise<void>((resolve, reject) => {
      connection.on('open', resolve);
      const lost = () => reject(new BoltorezkaError('connection_lost', NO_MEDIA));
      connection.on('lost', lost);
      connection.on('interrupted', lost);
    });
    opened.catch(() => undefined);
    try {
      this.#syncMedia();
      await this.#negotiate(connection);
      await withTimeout(opened, CONNECT_TIMEOUT_MS, NO_MEDIA);
      if (generation !== this.#generation) throw new BoltorezkaError('closed', 'The call was left.');
    } catch (error) {
      if (generation === this.#generation) this.#signalling.report(...failureEvents(error, connection));
      connection.close();
      throw error;
    }
    this.#signalling.report({ type: 'callSetUp' });
    connection.on('lost', () => this.#connectionLost(connection));
    connection.on('interrupted', () => void this.#resume(connection, generation));
    this.output.play(connection.audioTracks);
    this.#backoff.reset();
    this.#wasJoined = true;
    this.#setState('connected');
    this.#syncMedia();
    this.#wishLater();
  }

  /** Offer and answer, one pair at a time. */
  async #negotiate(connection: CallConnection): Promise<void> {
    const answer = new Promise<string>((resolve) => {
      this.#answered = resolve;
    });
    await this.#signalling.offer(await connection.offer());
    const sdp = await withTimeout(answer, ANSWER_TIMEOUT_MS, 'The media server did not answer. Try again.');
    await connection.answer(sdp);
  }

  /** Offers more slots until there are as many as wanted; one offer at a time. */
  async #addSlots(): Promise<void> {
    const connection = this.#connection;
    if (!connection || this.#isAddingSlots || this.#shape().videoSlots === 0) return;
    this.#isAddingSlots = true;
    try {
      while (connection === this.#connection && connection.videoSlotCount < this.#videoSlots) {
        connection.addVideoSlots(this.#videoSlots - connection.videoSlotCount);
        await this.#negotiate(connection);
        this.#wishLater();
      }
    } catch {
      // The slots that were there still work; the next connection begins with as many as wanted.
    } finally {
      this.#isAddingSlots = false;
    }
  }

  /** The way to the server is gone: look for another, else make a new connection. */
  async #resume(connection: CallConnection, generation: number): Promise<void> {
    if (connection !== this.#connection || this.#state !== 'connected') return;
    this.#setState('reconnecting');
    const isWanted = () => generation === this.#generation && connection === this.#connection;
    const exchange = (sdp: string) => this.#signalling.resume(this.#inCall.resumeToken ?? '', sdp);
    const isBack = this.#inCall.resumeToken !== undefined && (await resume(connection, exchange, isWanted));
    if (!isWanted()) return;
    if (isBack) return this.#setState('connected');
    this.#signalling.report({ type: 'iceFailed' });
    this.#replace(connection);
  }

  #connectionLost(connection: CallConnection | undefined): void {
    if (connection === this.#connection && this.#state === 'connected') this.#replace(connection);
  }

  #replace(connection: CallConnection | undefined): void {
    connection?.close();
    this.#setState('reconnecting');
    void this.#reconnectLoop(this.#generation);
  }

  async #reconnectLoop(generation: number): Promise<void> {
    for (;;) {
      await this.#signalling.whenJoined();
      if (generation !== this.#generation) return;
      try {
        return await this.#connect(generation);
      } catch (error) {
        if (generation !== this.#generation) return;
        const code = error instanceof BoltorezkaError ? error.code : undefined;
        if (code !== undefined && FINAL_CODES.includes(code)) {
          this.#stop();
          this.emit('ended', 'failed');
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, this.#backoff.nextMs()));
        if (generation !== this.#generation) return;
      }
    }
  }

  #outgoing(of: ClientStateKind) {
    return of === 'publish' ? this.#publish : this.#subscribe;
  }

  #receive(message: ServerCallMessage): void {
    switch (message.type) {
      case 'ack':
        this.#outgoing(message.of).settle(message.rev);
        return;
      case 'refused':
        // Sent again it would be refused again.
        if (message.of !== undefined && message.rev !== undefined) this.#outgoing(message.of).settle(message.rev);
        this.emit('refused', message.message);
        return;
      case 'dataRefused': {
        const { type: _, ...refused } = message;
        this.emit('dataRefused', refused);
        return;
      }
      case 'ended':
        this.end(message.reason);
        return;
      case 'wanted':
        this.#connection?.post({ type: 'ack', of: 'wanted', rev: message.rev });
        if (this.#inCall.isNewWanted(message.rev)) this.#connection?.follow(message.tracks);
        return;
      case 'tracks':
      case 'slots':
        this.#connection?.post({ type: 'ack', of: message.type, rev: message.rev });
        this.#wishLater();
        break;
      default:
        break;
    }
    if (!this.#inCall.apply(message, (mid) => this.#connection?.slotTrack(mid))) return;
    if (message.type === 'welcome') {
      this.#dropForbidden();
      this.#syncMedia();
    }
    this.changed();
  }

  /** A right was taken away: what it covered is switched off here too. */
  #dropForbidden(): void {
    const media = this.#media;
    if (!media) return;
    if (media.microphoneOn && !this.#inCall.permissions.microphone) void media.setMicrophone(false);
    if (media.cameraOn && !this.#inCall.permissions.camera) void media.setCamera(false);
    if (media.screen && !this.#inCall.permissions.screen) media.stopScreen();
  }

  /** Sends what the devices give, and says so. */
  #syncMedia(): void {
    const media = this.#media;
    const connection = this.#connection;
    if (!media || !connection) return;
    const tracks: [TrackSource, MediaStreamTrack | undefined, boolean][] = [
      ['microphone', media.microphone, media.microphoneOn],
      ['camera', media.camera, true],
      ['screen', media.screen, true],
      ['screenAudio', media.screenAudio, true],
    ];
    const states = new Map<TrackSource, SourceState>();
    for (const [source, track, on] of tracks) {
      void connection.send(source, track && on ? track : null);
      const state: SourceState = { live: track !== undefined, muted: !on };
      const height = track?.kind === 'video' ? pictureHeight(track) : undefined;
      if (height !== undefined) state.heights = connection.heights(source, height);
      states.set(source, state);
    }
    const { participantId, permissions } = this.#inCall;
    // Before `welcome` the rights are not known.
    if (participantId !== undefined)
      this.#publish.set(publications(states, connection.senderMids, permissions), Date.now());
    this.changed();
  }

  #wishLater(): void {
    if (this.#wishTimer !== undefined || this.#state !== 'connected') return;
    this.#wishTimer = setTimeout(() => {
      this.#wishTimer = undefined;
      this.#wish();
    }, WISH_DEBOUNCE_MS);
  }

  #wish(): void {
    const connection = this.#connection;
    if (!connection || this.#state !== 'connected') return;
    this.#subscribe.set(this.#tiles.wishes(connection.videoSlotMids, this.#inCall.slotMap), Date.now());
  }

  #tick(): void {
    const now = Date.now();
    this.#publish.tick(now);
    this.#subscribe.tick(now);
    void this.#measureLoss();
  }

  async #measureLoss(): Promise<void> {
    const connection = this.#connection;
    if (this.#state !== 'connected' || !connection) return;
    const report = await connection.stats();
    const downlinkLossRatio = this.#loss.ratio(report.values() as Iterable<RTCInboundRtpStreamStats>);
    if (connection === this.#connection && this.#inCall.measured(downlinkLossRatio)) this.changed();
  }

  #stop(): void {
    this.#generation += 1;
    clearInterval(this.#timer);
    clearTimeout(this.#wishTimer);
    this.#wishTimer = undefined;
    this.#stopWatchingMedia?.();
    this.#connection?.close();
    this.#connection = undefined;
    this.#media = undefined;
    this.#inCall = new InCallState();
    this.#tiles.unpin();
    this.output.stop();
    this.#setState('idle');
  }

  #setState(state: CallState): void {
    this.#state = state;
    this.changed();
  }
}

const NO_MEDIA = 'No media reaches the server. A firewall may block UDP; ask whoever runs the network or the server.';

function pictureHeight(track: MediaStreamTrack): number | undefined {
  return track.getSettings().height;
}

async function withTimeout<T>(promise: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BoltorezkaError('timeout', message)), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
