import type {
  Account,
  AccountEnvelope,
  AdminParticipant,
  AdminRoom,
  AdminSetting,
  ApiKey,
  ApiKeyCreated,
  AuditEntry,
  CreateApiKeyRequest,
  DeadLetter,
  DrainRequest,
  FeatureState,
  LinkCreated,
  LinkKind,
  MediaState,
  OutboxEvent,
  Page,
} from './proto.ts';
import { type PageOptions, path, query, type Send } from './send.ts';

/** What the audit log is searched for. Whatever is absent or empty counts not. */
export interface AuditFilter {
  /** An account or an API key. */
  actor?: string;
  /** An action, or the first words of its name. */
  action?: string;
  /** From then on (RFC 3339). */
  from?: string;
  /** Before then (RFC 3339). */
  until?: string;
}

/** What admins of the server see and do, in all workspaces. */
export class Admin {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  accounts(page: PageOptions = {}): Promise<Page<Account>> {
    return this.#send('GET', `/admin/users${query(page)}`);
  }

  /** Closes the server to an account, opens it again, or lets one in that waits. */
  async setAccess(userId: string, change: 'block' | 'unblock' | 'approve'): Promise<Account> {
    return (await this.#send<AccountEnvelope>('POST', path('admin', 'users', userId, change))).user;
  }

  /** A link to be handed to the owner of an account, shown once. */
  createLink(userId: string, kind: LinkKind): Promise<LinkCreated> {
    return this.#send('POST', path('admin', 'users', userId, 'links'), { kind });
  }

  /** For an owner who has lost it. */
  deleteSecondFactor(userId: string): Promise<void> {
    return this.#send('DELETE', path('admin', 'users', userId, 'second-factor'));
  }

  rooms(page: PageOptions = {}): Promise<Page<AdminRoom>> {
    return this.#send('GET', `/admin/rooms${query(page)}`);
  }

  deleteRoom(workspace: string, slug: string): Promise<void> {
    return this.#send('DELETE', path('workspaces', workspace, 'rooms', slug));
  }

  participants(page: PageOptions = {}): Promise<Page<AdminParticipant>> {
    return this.#send('GET', `/admin/participants${query(page)}`);
  }

  /** Removes a participant from a room; it may come back. */
  kick(workspace: string, room: string, participantId: string): Promise<void> {
    return this.#send('POST', path('workspaces', workspace, 'rooms', room, 'participants', participantId, 'kick'));
  }

  outbox(page: PageOptions = {}): Promise<Page<OutboxEvent>> {
    return this.#send('GET', `/admin/outbox${query(page)}`);
  }

  deadLetters(page: PageOptions = {}): Promise<Page<DeadLetter>> {
    return this.#send('GET', `/admin/outbox/dead-letters${query(page)}`);
  }

  /** Has all dead letters of a webhook told again. */
  replayWebhook(workspace: string, webhookId: string): Promise<void> {
    return this.#send('POST', path('workspaces', workspace, 'webhooks', webhookId, 'replay'));
  }

  auditLog(filter: AuditFilter = {}, page: PageOptions = {}): Promise<Page<AuditEntry>> {
    return this.#send('GET', `/admin/audit-log${query({ ...filter, ...page })}`);
  }

  async settings(): Promise<AdminSetting[]> {
    return (await this.#send<Page<AdminSetting>>('GET', '/admin/settings')).items;
  }

  async features(): Promise<FeatureState[]> {
    return (await this.#send<Page<FeatureState>>('GET', '/admin/features')).items;
  }

  media(): Promise<MediaState> {
    return this.#send('GET', '/admin/media');
  }

  /** Empties the media node: nobody new is taken, and those inside are ended after so many seconds. */
  drainMedia(deadlineS: number): Promise<void> {
    const request: DrainRequest = { deadlineS };
    return this.#send('POST', '/admin/media/drain', request);
  }

  /** Takes that back. */
  undrainMedia(): Promise<void> {
    return this.#send('POST', '/admin/media/undrain');
  }

  apiKeys(page: PageOptions = {}): Promise<Page<ApiKey>> {
    return this.#send('GET', `/admin/api-keys${query(page)}`);
  }

  createApiKey(request: CreateApiKeyRequest): Promise<ApiKeyCreated> {
    return this.#send('POST', '/admin/api-keys', request);
  }

  revokeApiKey(id: string): Promise<void> {
    return this.#send('DELETE', path('admin', 'api-keys', id));
  }
}
