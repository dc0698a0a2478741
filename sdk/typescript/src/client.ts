import { OwnAccount } from './account.ts';
import { Admin } from './admin.ts';
import { DirectMessages } from './direct.ts';
import { BoltorezkaError } from './errors.ts';
import { Lobbies } from './lobby.ts';
import { signInByPasskey } from './passkeys.ts';
import { problemOf } from './problem.ts';
import type {
  Attachment,
  BeginOidcRequest,
  CreateRoomRequest,
  LoginRequest,
  Member,
  Message,
  MuteRequest,
  NotificationPage,
  OidcBegun,
  OidcProvider,
  OidcStatus,
  Page,
  Participant,
  RegisterRequest,
  ResetPasswordRequest,
  ResumeRequest,
  ResumeResponse,
  Role,
  Room,
  RoomRole,
  SetupRequest,
  TelemetryRequest,
  TicketResponse,
  UnreadNotifications,
  UpdateRoomRequest,
  User,
  UserEnvelope,
  VerifyEmailRequest,
} from './proto.ts';
import { type PageOptions, path, query } from './send.ts';
import { Telemetry } from './telemetry.ts';
import { type UploadOptions, upload } from './upload.ts';
import { Workspaces } from './workspaces.ts';

/** How long an HTTP request may take. The slowest one, a log-in, waits for a password hash. */
const REQUEST_TIMEOUT_MS = 15_000;

export interface ClientOptions {
  /** Where the server is. The page's own origin when absent. */
  baseUrl?: string;
  /** A join token, for pages without a session. */
  joinToken?: string;
}

/** The HTTP API of a server, as the signed-in account. Each method rejects with a `BoltorezkaError`. */
export class Client {
  readonly baseUrl: string;
  /** What only this page knows of how it goes: told in batches, beside everything else. */
  readonly telemetry = new Telemetry((events, isLast) => {
    const request: TelemetryRequest = { events };
    return this.#send('POST', '/telemetry', request, isLast);
  });
  /** The account itself. */
  readonly account = new OwnAccount((...request) => this.#send(...request));
  /** The whole server, for its admins. */
  readonly admin = new Admin((...request) => this.#send(...request));
  /** Rooms of two. */
  readonly direct = new DirectMessages((...request) => this.#send(...request));
  /** Tenants. */
  readonly lobbies = new Lobbies((...request) => this.#send(...request));

  readonly workspaces = new Workspaces((...request) => this.#send(...request));
  readonly #joinToken: string | undefined;

  constructor(options: ClientOptions = {}) {
    this.baseUrl = (options.baseUrl ?? globalThis.location?.origin ?? '').replace(/\/+$/, '');
    this.#joinToken = options.joinToken;
  }

  /** Makes the first super admin, with the token of the owner link, and signs in. */
  async setUp(request: SetupRequest): Promise<User> {
    return (await this.#send<UserEnvelope>('POST', '/setup', request)).user;
  }

  async register(request: RegisterRequest): Promise<User> {
    return (await this.#send<UserEnvelope>('POST', '/auth/register', request)).user;
  }

  async logIn(request: LoginRequest): Promise<User> {
    return (await this.#send<UserEnvelope>('POST', '/auth/login', request)).user;
  }

  /** The provider that signs people in beside passwords, if the server knows one. */
  async oidcProvider(): Promise<OidcProvider | undefined> {
    return (await this.#send<OidcStatus>('GET', '/auth/oidc')).provider;
  }

  /** Begins to sign in by the provider: the browser goes to the address that comes back. */
  async beginOidc(request: BeginOidcRequest): Promise<string> {
    return (await this.#send<OidcBegun>('POST', '/auth/oidc/begin', request)).url;
  }

  /** Ends a sign-in by the provider whose account has a second factor. */
  async endOidc(code: string): Promise<User> {
    return (await this.#send<UserEnvelope>('POST', '/auth/oidc/second-factor', { code })).user;
  }

  /** Signs in by a passkey that the person chooses; the browser asks them. */
  signInByPasskey(): Promise<User> {
    return signInByPasskey((...request) => this.#send(...request));
  }

  /** Has a link for another password sent; what happens is the same whether the address has an account or not. */
  forgotPassword(email: string): Promise<void> {
    return this.#send('POST', '/auth/password-reset', { email });
  }

  /** Uses a link for another password. All sessions of the account end. */
  resetPassword(request: ResetPasswordRequest): Promise<void> {
    return this.#send('POST', '/auth/password-reset/confirm', request);
  }

  /** Uses a link that verifies the address of the signed-in account. */
  verifyEmail(request: VerifyEmailRequest): Promise<void> {
    return this.#send('POST', '/auth/email-verification/confirm', request);
  }

  logOut(): Promise<void> {
    return this.#send('POST', '/auth/logout');
  }

  /** The signed-in account, or `undefined` when nobody is. */
  async me(): Promise<User | undefined> {
    try {
      return (await this.#send<UserEnvelope>('GET', '/auth/me')).user;
    } catch (error) {
      if (error instanceof BoltorezkaError && error.code === 'unauthenticated') return undefined;
      throw error;
    }
  }

  /** A ticket that opens one socket within 45 s. */
  socketTicket(): Promise<TicketResponse> {
    return this.#send('POST', '/auth/ws-ticket');
  }

  rooms(page: PageOptions = {}): Promise<Page<Room>> {
    return this.#send('GET', `/rooms${query(page)}`);
  }

  room(slug: string): Promise<Room> {
    return this.#send('GET', `/rooms/${encodeURIComponent(slug)}`);
  }

  createRoom(request: CreateRoomRequest): Promise<Room> {
    return this.#send('POST', '/rooms', request);
  }

  updateRoom(slug: string, request: UpdateRoomRequest): Promise<Room> {
    return this.#send('PATCH', `/rooms/${encodeURIComponent(slug)}`, request);
  }

  deleteRoom(slug: string): Promise<void> {
    return this.#send('DELETE', `/rooms/${encodeURIComponent(slug)}`);
  }

  /** Chat of a room, newest first. */
  messages(slug: string, page: PageOptions = {}): Promise<Page<Message>> {
    return this.#send('GET', `/rooms/${encodeURIComponent(slug)}/messages${query(page)}`);
  }

  /** Messages of a room in which each of the words begins a word, newest first. */
  searchMessages(slug: string, words: string, page: PageOptions = {}): Promise<Page<Message>> {
    return this.#send('GET', `${path('rooms', slug, 'messages', 'search')}${query({ q: words, ...page })}`);
  }

  /** Uploads a file, to be named in a message of the room within an hour. */
  uploadAttachment(slug: string, file: File, options?: UploadOptions): Promise<Attachment> {
    const address = `${this.baseUrl}/v1${path('rooms', slug, 'attachments')}${query({ name: file.name })}`;
    return upload(address, file, this.#headers(), options);
  }

  /** Where a file of a message is: for a link, or a picture. */
  attachmentUrl(id: string): string {
    return `${this.baseUrl}/v1${path('attachments', id)}`;
  }

  /** What is pinned in a room, newest pin first. */
  pins(slug: string): Promise<Page<Message>> {
    return this.#send('GET', path('rooms', slug, 'pins'));
  }

  /** Reports a message to the admins of the workspace. */
  reportMessage(slug: string, messageId: string, reason: string): Promise<void> {
    return this.#send('POST', path('rooms', slug, 'messages', messageId, 'report'), { reason });
  }

  /** Who mentioned the account, answered it, wrote to it alone or called it in vain, newest first. */
  notifications(page: PageOptions = {}): Promise<NotificationPage> {
    return this.#send('GET', `/notifications${query(page)}`);
  }

  /** That one and all before it are read. Gives how many are not. */
  async readNotifications(upTo: string): Promise<number> {
    return (await this.#send<UnreadNotifications>('POST', '/notifications/read', { upTo })).unreadCount;
  }

  members(slug: string, page: PageOptions = {}): Promise<Page<Member>> {
    return this.#send('GET', `/rooms/${encodeURIComponent(slug)}/members${query(page)}`);
  }

  setMember(slug: string, userId: string, role: RoomRole): Promise<void> {
    return this.#send('PUT', `/rooms/${encodeURIComponent(slug)}/members/${encodeURIComponent(userId)}`, { role });
  }

  removeMember(slug: string, userId: string): Promise<void> {
    return this.#send('DELETE', `/rooms/${encodeURIComponent(slug)}/members/${encodeURIComponent(userId)}`);
  }

  participants(slug: string): Promise<Page<Participant>> {
    return this.#send('GET', `/rooms/${encodeURIComponent(slug)}/participants`);
  }

  /** Removes a participant from a room; it may come back. */
  kick(slug: string, participantId: string): Promise<void> {
    return this.#moderate(slug, participantId, 'kick');
  }

  /** Removes a participant from a room for good. */
  ban(slug: string, participantId: string): Promise<void> {
    return this.#moderate(slug, participantId, 'ban');
  }

  /** Takes a participant's right to publish a source, or gives it back. */
  mute(slug: string, participantId: string, request: MuteRequest): Promise<void> {
    return this.#moderate(slug, participantId, 'mute', request);
  }

  users(page: PageOptions = {}): Promise<Page<User>> {
    return this.#send('GET', `/admin/users${query(page)}`);
  }

  async promote(userId: string, role: Role): Promise<User> {
    const path = `/admin/users/${encodeURIComponent(userId)}/promote`;
    return (await this.#send<UserEnvelope>('POST', path, { role })).user;
  }

  /** Restarts ICE of a call's connection by its resume token, which says who and where; gives the answer. */
  async resume(token: string, sdp: string): Promise<string> {
    const request: ResumeRequest = { token, sdp };
    return (await this.#send<ResumeResponse>('POST', '/calls/resume', request)).sdp;
  }

  /** Address of the realtime gateway for a ticket. */
  socketUrl(ticket: string): string {
    const url = new URL(`${this.baseUrl}/v1/realtime/ws`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('ticket', ticket);
    return url.href;
  }

  #moderate(slug: string, participantId: string, action: string, body?: unknown): Promise<void> {
    const room = encodeURIComponent(slug);
    return this.#send('POST', `/rooms/${room}/participants/${encodeURIComponent(participantId)}/${action}`, body);
  }

  /** `keepalive` lets a request outlive its page. */
  async #send<T>(method: string, path: string, body?: unknown, keepalive = false): Promise<T> {
    const headers = this.#headers();
    if (body !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(`${this.baseUrl}/v1${path}`, {
        method,
        headers,
        credentials: 'same-origin',
        keepalive,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      const isTimeout = error instanceof DOMException && error.name === 'TimeoutError';
      throw isTimeout
        ? new BoltorezkaError('timeout', 'The server did not answer in time. Try again.')
        : new BoltorezkaError('network', 'The server cannot be reached. Check the network and try again.');
    }
    if (!response.ok) {
      const refusal = await response.text().catch(() => '');
      throw problemOf(response.status, response.headers.get('retry-after'), refusal);
    }
    if (response.status === 204) return undefined as T;
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  #headers(): Record<string, string> {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (this.#joinToken) headers.authorization = `Bearer ${this.#joinToken}`;
    return headers;
  }
}
