import type { Client } from '../client.ts';
import { type ChangeEvents, Observable } from '../emitter.ts';
import { BoltorezkaError, codeOf } from '../errors.ts';
import type { Answer, ClientMessage, ServerMessage, User } from '../proto.ts';
import { Backoff } from './backoff.ts';
import { type Frame, type RequestOptions, RequestTable } from './requests.ts';

/** Silence after which the socket counts as dead. The server pings more often. */
const WATCHDOG_MS = 35_000;

/** How long a socket may take from its ticket to `server.ready`. */
const READY_TIMEOUT_MS = 10_000;

/** A socket that lived this long has proven itself: the next wait is a short one again. */
const STABLE_MS = 5_000;

/** A lost socket that was replaced within this time counts as one that came back: so long the server keeps a seat. */
const RECONNECT_MS = 30_000;

/** How often timeouts are looked at. */
const TICK_MS = 500;

/** How long a socket may stay silent after the network changed or the page came back. */
const PROBE_MS = 4_000;

export type GatewayState = 'connecting' | 'open' | 'waiting' | 'closed';

/** Why the gateway has given up. */
export type GatewayEnd = 'left' | 'signed_out' | 'account_blocked' | 'too_many_sockets';

export interface GatewayEvents extends ChangeEvents {
  /** The socket is open and the server knows who we are. Comes again after each reconnect. */
  ready: { user: User };
  /** Anything that the server tells without being asked, but heartbeats. */
  message: ServerMessage;
  /** It will not come back by itself. */
  end: GatewayEnd;
}

type ClientMessageType = ClientMessage['type'];
type PayloadOf<Type extends ClientMessageType> = Extract<ClientMessage, { type: Type }>['payload'];

/** The socket to the control plane: requests with answers, heartbeat, reconnect. */
export class Gateway extends Observable<GatewayEvents> {
  readonly client: Client;
  #state: GatewayState = 'connecting';
  #socket: WebSocket | undefined;
  #openedAtMs = 0;
  #deadlineMs = 0;
  #retryAtMs = 0;
  /** When the open socket was lost that is to be replaced. */
  #lostAtMs: number | undefined;
  #user: User | undefined;
  #ended: GatewayEnd | undefined;
  readonly #backoff = new Backoff();
  readonly #requests = new RequestTable((frame) => this.#sendFrame(frame));
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #onProbe = () => this.#probe();

  constructor(client: Client) {
    super();
    this.client = client;
    client.telemetry.begin();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    globalThis.addEventListener?.('online', this.#onProbe);
    globalThis.document?.addEventListener('visibilitychange', this.#onProbe);
    void this.#connect();
  }

  get state(): GatewayState {
    return this.#state;
  }

  /** Who the server says we are; known once the socket was open. */
  get user(): User | undefined {
    return this.#user;
  }

  /** Why it has given up, once it has. */
  get ended(): GatewayEnd | undefined {
    return this.#ended;
  }

  /**
   * Sends a request and waits for its answer. Sends again when there is none; rejects with `connection_lost` when the
   * socket is not open or goes away.
   */
  request<Type extends ClientMessageType>(
    type: Type,
    payload: PayloadOf<Type>,
    options: RequestOptions = {},
  ): Promise<unknown> {
    if (this.#state !== 'open') {
      return Promise.reject(new BoltorezkaError('connection_lost', 'There is no connection to the server now.'));
    }
    return this.#requests.request(type, payload, Date.now(), options);
  }

  /** Ends it for good. */
  close(): void {
    this.#end('left');
  }

  async #connect(): Promise<void> {
    this.#setState('connecting');
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    try {
      const { ticket } = await this.client.socketTicket();
      if (this.#state === 'connecting') this.#open(ticket);
    } catch (error) {
      const code = codeOf(error);
      if (this.#state !== 'connecting') return;
      if (code === 'unauthenticated' || code === 'invalid_token') this.#end('signed_out');
      else if (code === 'account_blocked') this.#end('account_blocked');
      else this.#retryLater();
    }
  }

  #open(ticket: string): void {
    const socket = new WebSocket(this.client.socketUrl(ticket));
    this.#socket = socket;
    this.#deadlineMs = Date.now() + READY_TIMEOUT_MS;
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code);
    };
  }

  #receive(data: unknown): void {
    if (this.#state === 'open') this.#deadlineMs = Date.now() + WATCHDOG_MS;
    const message = JSON.parse(String(data)) as ServerMessage | Answer;
    switch (message.type) {
      case 'ack':
      case 'nack':
        this.#requests.settle(message);
        break;
      case 'ping':
        this.#socket?.send('{"type":"pong","payload":{}}');
        break;
      case 'pong':
        break;
      case 'server.ready':
        this.#openedAtMs = Date.now();
        if (this.#lostAtMs !== undefined && this.#openedAtMs - this.#lostAtMs <= RECONNECT_MS) {
          this.client.telemetry.add({ type: 'reconnectSucceeded' });
        }
        this.#lostAtMs = undefined;
        this.#deadlineMs = this.#openedAtMs + Math.max(WATCHDOG_MS, 2 * message.payload.heartbeatMs);
        this.#user = message.payload.user;
        this.#setState('open');
        this.emit('ready', { user: message.payload.user });
        break;
      default:
        this.emit('message', message);
    }
  }

  #sendFrame(frame: Frame): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** The socket is gone, or taken for dead. */
  #lost(closeCode: number): void {
    this.#dropSocket();
    if (closeCode === 4004) this.#end('account_blocked');
    else if (closeCode === 4029) this.#end('too_many_sockets');
    else {
      if (this.#openedAtMs > 0) {
        this.#lostAtMs = Date.now();
        this.client.telemetry.add({ type: 'reconnectTried' });
      }
      this.#retryLater();
    }
  }

  #dropSocket(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#requests.failAll();
  }

  #retryLater(): void {
    const now = Date.now();
    if (this.#openedAtMs > 0 && now - this.#openedAtMs > STABLE_MS) this.#backoff.reset();
    this.#openedAtMs = 0;
    this.#retryAtMs = now + this.#backoff.nextMs();
    this.#setState('waiting');
  }

  #tick(): void {
    const now = Date.now();
    if (this.#socket && now > this.#deadlineMs) this.#lost(0);
    this.#requests.tick(now);
    if (this.#state === 'waiting' && now >= this.#retryAtMs) void this.#connect();
  }

  /** The network changed or the page came back: find out soon whether the socket still lives. */
  #probe(): void {
    if (globalThis.document?.visibilityState === 'hidden') return;
    if (this.#state === 'waiting') {
      this.#retryAtMs = 0;
    } else if (this.#state === 'open') {
      this.#deadlineMs = Math.min(this.#deadlineMs, Date.now() + PROBE_MS);
      this.request('ping', {}, { triesMax: 1 }).catch(() => undefined);
    }
  }

  #end(reason: GatewayEnd): void {
    if (this.#state === 'closed') return;
    clearInterval(this.#timer);
    this.client.telemetry.end();
    globalThis.removeEventListener?.('online', this.#onProbe);
    globalThis.document?.removeEventListener('visibilitychange', this.#onProbe);
    this.#ended = reason;
    this.#setState('closed');
    this.#dropSocket();
    this.emit('end', reason);
  }

  #setState(state: GatewayState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.changed();
  }
}
