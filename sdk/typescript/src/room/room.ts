import { Call } from '../call/call.ts';
import type { CallSignalling } from '../call/call-events.ts';
import { type ChangeEvents, Observable } from '../emitter.ts';
import { BoltorezkaError, codeOf, type FailureCode } from '../errors.ts';
import type {
  EndReason,
  Participant as PresenceEntry,
  PresenceUpdate,
  Room as RoomInfo,
  RoomJoined,
  ServerMessage,
  Waiting,
} from '../proto.ts';
import { Backoff } from '../realtime/backoff.ts';
import type { Gateway } from '../realtime/gateway.ts';
import { Chat, type ChatOptions } from './chat.ts';
import { type Participant, participantsOf } from './participant.ts';
import { Presence } from './presence.ts';

/** `waiting`: in the lobby, until somebody who moderates lets us in; we join by ourselves then, or the stay ends. */
export type RoomState = 'joining' | 'waiting' | 'joined' | 'reconnecting' | 'ended';

/** Why we are no longer in a room: the call ended us, or the door was closed. */
export interface RoomEnd {
  reason: EndReason | FailureCode | 'moved';
  message?: string;
}

export interface RoomEvents extends ChangeEvents {
  participantJoined: PresenceEntry;
  participantLeft: PresenceEntry;
  /** Somebody waits in the lobby. Told to those who moderate. */
  knocked: Waiting;
  /** A moderator moved us: this is the stay in the other room. The one here has ended with `moved`. */
  moved: Room;
  ended: RoomEnd;
}

/** Reasons that end the stay in the room, not just the call. */
const ROOM_ENDS: readonly EndReason[] = ['kicked', 'banned', 'revoked', 'room_deleted'];

/** Refusals of `room.join` that another try does not change. */
const FINAL_CODES: readonly FailureCode[] = [
  'forbidden',
  'banned',
  'refused',
  'not_found',
  'feature_disabled',
  'room_full',
  'malformed',
  'invalid',
];

/** A stay in a room: who is there, its chat, its call. It comes back by itself when the connection was lost. */
export class Room extends Observable<RoomEvents> {
  readonly info: RoomInfo;
  readonly chat: Chat;
  readonly call: Call;
  readonly gateway: Gateway;
  readonly #options: ChatOptions;
  readonly #presence = new Presence();
  readonly #backoff = new Backoff();
  readonly #stopListening: (() => void)[];
  #state: RoomState = 'joining';
  #end: RoomEnd | undefined;
  #participantId: string | undefined;
  #participants: readonly Participant[] = [];
  #isJoining = false;
  #whenJoinedOrEnded: (() => void)[] = [];
  #lobby: readonly Waiting[] = [];
  #leavingCall: Promise<void> = Promise.resolve();

  constructor(gateway: Gateway, info: RoomInfo, options: ChatOptions = {}) {
    super();
    this.gateway = gateway;
    this.info = info;
    this.#options = options;
    this.chat = new Chat(gateway, info.slug, options);
    this.call = new Call(this.#signalling());
    this.#stopListening = [
      gateway.on('ready', () => void this.#join()),
      gateway.on('change', () => this.#watchGateway()),
      gateway.on('message', (message) => this.#receive(message)),
      this.call.on('change', () => this.#rebuild()),
    ];
    if (gateway.state === 'open') void this.#join();
  }

  get slug(): string {
    return this.info.slug;
  }

  get state(): RoomState {
    return this.#state;
  }

  /** Why the stay ended. */
  get end(): RoomEnd | undefined {
    return this.#end;
  }

  /** Who we are here; known once joined. */
  get participantId(): string | undefined {
    return this.#participantId;
  }

  /** Ourselves first, then by arrival. */
  get participants(): readonly Participant[] {
    return this.#participants;
  }

  /** Who waits in the lobby, by the time of their coming. Known to those who moderate. */
  get lobby(): readonly Waiting[] {
    return this.#lobby;
  }

  get self(): Participant | undefined {
    return this.#participants.find((participant) => participant.isLocal);
  }

  /** Leaves call and room. The object is of no use afterwards. */
  leave(): void {
    if (this.#state === 'joined' || this.#state === 'waiting' || this.#isJoining) {
      this.gateway.request('room.leave', { room: this.slug }, { triesMax: 1 }).catch(() => undefined);
    }
    this.#finish({ reason: 'left' });
  }

  #signalling(): CallSignalling {
    const { slug, kind } = this.info;
    const quietly = (request: Promise<unknown>) => void request.catch(() => undefined);
    return {
      kind,
      offer: async (sdp) => {
        await this.#leavingCall;
        await this.gateway.request('call.offer', { room: slug, sdp }, { triesMax: 1 });
      },
      candidate: (candidate) => quietly(this.gateway.request('call.ice', { room: slug, candidate }, { triesMax: 1 })),
      resume: (token, sdp) => this.gateway.client.resume(token, sdp),
      leave: () => {
        // Leaving gives us another seat; an offer that follows at once is for that one.
        this.#leavingCall = this.gateway
          .request('call.leave', { room: slug })
          .then((joined) => this.#joined(joined as RoomJoined))
          .catch(() => undefined);
      },
      report: (...events) => this.gateway.client.telemetry.add(...events),
      whenJoined: () => this.#whenJoined(),
    };
  }

  #whenJoined(): Promise<void> {
    if (this.#state === 'joined') return Promise.resolve();
    return new Promise((resolve) => this.#whenJoinedOrEnded.push(resolve));
  }

  async #join(): Promise<void> {
    if (this.#isJoining || this.#state === 'ended') return;
    this.#isJoining = true;
    try {
      const joined = (await this.gateway.request('room.join', { room: this.slug })) as RoomJoined;
      this.#joined(joined);
    } catch (error) {
      this.#joinFailed(error);
    } finally {
      this.#isJoining = false;
    }
  }

  #joined(joined: RoomJoined): void {
    if (this.#stateNow() === 'ended') return;
    const seatChanged = this.#participantId !== undefined && this.#participantId !== joined.participantId;
    const wasJoined = this.#state === 'joined';
    this.#participantId = joined.participantId;
    this.#presence.reset(joined);
    this.#backoff.reset();
    this.#state = 'joined';
    // Who waits is told anew.
    if (!wasJoined) this.#lobby = [];
    this.#rebuild();
    for (const resolve of this.#whenJoinedOrEnded.splice(0)) resolve();
    if (seatChanged) this.call.reconnect();
    // A list asked for after a gap in presence says nothing about the chat.
    if (!wasJoined) void this.chat.catchUp();
  }

  #joinFailed(error: unknown): void {
    const code = codeOf(error) ?? 'internal';
    if (code === 'connection_lost' || this.#stateNow() === 'ended') return;
    if (code === 'lobby') {
      this.#state = 'waiting';
      // Who was inside and has to wait was sent out: the call is over.
      this.call.end('revoked');
      this.changed();
      return;
    }
    if (FINAL_CODES.includes(code)) {
      this.#finish({ reason: code, message: error instanceof Error ? error.message : '' });
      return;
    }
    const waitMs = (error instanceof BoltorezkaError && error.retryAfterMs) || this.#backoff.nextMs();
    setTimeout(() => {
      if (this.gateway.state === 'open') void this.#join();
    }, waitMs);
  }

  #watchGateway(): void {
    if (this.gateway.state === 'closed') {
      if (this.#state !== 'ended') this.#finish({ reason: 'closed' });
      return;
    }
    if (this.gateway.state !== 'open' && this.#state === 'joined') {
      this.#state = 'reconnecting';
      this.changed();
    }
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'presence.update':
        if (message.payload.room === this.slug) this.#presenceChanged(message.payload);
        break;
      case 'message.new':
        if (message.payload.message.room === this.slug) this.chat.receive(message.payload.message);
        break;
      case 'message.changed':
        if (message.payload.message.room === this.slug) this.chat.receiveChange(message.payload.message);
        break;
      case 'room.moved':
        if (message.payload.from === this.slug) void this.#follow(message.payload.to);
        break;
      case 'room.admitted':
        if (message.payload.room === this.slug && this.#state === 'waiting') void this.#join();
        break;
      case 'room.refused':
        if (message.payload.room === this.slug && this.#state === 'waiting') {
          this.#finish({ reason: message.payload.reason });
        }
        break;
      case 'lobby.update':
        if (message.payload.room === this.slug) this.#lobbyChanged(message.payload.waiting);
        break;
      case 'history.trimmed':
        if (message.payload.room === this.slug) this.chat.trim(message.payload.firstSeq);
        break;
      case 'typing':
        if (message.payload.room === this.slug) this.chat.receiveTyping(message.payload);
        break;
      case 'call.answer':
        if (message.payload.room === this.slug) this.call.answered(message.payload.sdp);
        break;
      case 'call.ended':
        if (message.payload.room === this.slug) this.#ended(message.payload.reason);
        break;
      default:
        break;
    }
  }

  #presenceChanged(update: PresenceUpdate): void {
    const before = this.#presence.participants;
    const result = this.#presence.apply(update);
    if (result === 'gap') {
      if (this.#state === 'joined') void this.#join();
      return;
    }
    if (result === 'old') return;
    this.#rebuild();
    const after = this.#presence.participants;
    for (const entry of after.values()) {
      if (!before.has(entry.participantId)) this.emit('participantJoined', entry);
    }
    for (const entry of before.values()) {
      if (!after.has(entry.participantId)) this.emit('participantLeft', entry);
    }
  }

  #lobbyChanged(waiting: Waiting[]): void {
    const before = new Set(this.#lobby.map((entry) => entry.userId));
    this.#lobby = waiting;
    this.changed();
    for (const entry of waiting) {
      if (!before.has(entry.userId)) this.emit('knocked', entry);
    }
  }

  /** Goes where a moderator moved us. */
  async #follow(slug: string): Promise<void> {
    // First, so that the end of the call that comes behind ends nothing more.
    for (const stop of this.#stopListening) stop();
    try {
      const info = await this.gateway.client.room(slug);
      if (this.#stateNow() === 'ended') return;
      const next = new Room(this.gateway, info, this.#options);
      this.#finish({ reason: 'moved' });
      this.emit('moved', next);
    } catch (error) {
      this.#finish({ reason: codeOf(error) ?? 'network', message: error instanceof Error ? error.message : '' });
    }
  }

  #ended(reason: EndReason): void {
    this.call.end(reason);
    if (ROOM_ENDS.includes(reason)) this.#finish({ reason });
  }

  #finish(end: RoomEnd): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#end = end;
    for (const stop of this.#stopListening) stop();
    this.call.close();
    for (const resolve of this.#whenJoinedOrEnded.splice(0)) resolve();
    this.changed();
    this.emit('ended', end);
  }

  #rebuild(): void {
    const { call } = this;
    const { media } = call;
    this.#participants = participantsOf(this.#presence.participants.values(), call.tracks, call.speakers, {
      participantId: this.#participantId,
      inCall: call.state !== 'idle',
      microphoneOn: media?.microphoneOn ?? false,
      cameraOn: media?.cameraOn ?? false,
      screenOn: media?.screen !== undefined,
    });
    this.changed();
  }

  /** For use after an `await`, where the compiler must not take the state for what it was before. */
  #stateNow(): RoomState {
    return this.#state;
  }
}
