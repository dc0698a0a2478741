import type {
  CreateCustomRoleRequest,
  CreateWorkspaceRequest,
  CustomRole,
  FeatureSwitch,
  GrantablePermission,
  OptionalFeature,
  Page,
  Report,
  UpdateCustomRoleRequest,
  Workspace,
  WorkspaceMember,
  WorkspaceRole,
} from './proto.ts';
import { type PageOptions, path, query, type Send } from './send.ts';

/** Tenants: who is in them, and what they have switched on. */
export class Workspaces {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Those that one is in; admins of the server see all. */
  list(page: PageOptions = {}): Promise<Page<Workspace>> {
    return this.#send('GET', `/workspaces${query(page)}`);
  }

  create(request: CreateWorkspaceRequest): Promise<Workspace> {
    return this.#send('POST', '/workspaces', request);
  }

  get(slug: string): Promise<Workspace> {
    return this.#send('GET', path('workspaces', slug));
  }

  /** With everything of it. Accounts stay. */
  delete(slug: string): Promise<void> {
    return this.#send('DELETE', path('workspaces', slug));
  }

  async features(slug: string): Promise<FeatureSwitch[]> {
    return (await this.#send<Page<FeatureSwitch>>('GET', path('workspaces', slug, 'features'))).items;
  }

  setFeature(slug: string, feature: OptionalFeature, enabled: boolean): Promise<FeatureSwitch> {
    return this.#send('PUT', path('workspaces', slug, 'features', feature), { enabled });
  }

  members(slug: string, page: PageOptions = {}): Promise<Page<WorkspaceMember>> {
    return this.#send('GET', `${path('workspaces', slug, 'members')}${query(page)}`);
  }

  setMember(slug: string, userId: string, role: WorkspaceRole): Promise<WorkspaceMember> {
    return this.#send('PUT', path('workspaces', slug, 'members', userId), { role });
  }

  removeMember(slug: string, userId: string): Promise<void> {
    return this.#send('DELETE', path('workspaces', slug, 'members', userId));
  }

  /** Messages that people have reported, the newest report first. */
  reports(slug: string, page: PageOptions = {}): Promise<Page<Report>> {
    return this.#send('GET', `${path('workspaces', slug, 'reports')}${query(page)}`);
  }

  /** Nothing is left to be done about it. */
  resolveReport(slug: string, reportId: string): Promise<Report> {
    return this.#send('POST', path('workspaces', slug, 'reports', reportId, 'resolve'));
  }

  /** Closes a room for good to somebody, inside or not. */
  ban(slug: string, room: string, userId: string): Promise<void> {
    return this.#send('PUT', path('workspaces', slug, 'rooms', room, 'bans', userId));
  }

  /** What a custom role can give. */
  async grantablePermissions(slug: string): Promise<GrantablePermission[]> {
    return (await this.#send<Page<GrantablePermission>>('GET', path('workspaces', slug, 'permissions'))).items;
  }

  /** The roles that it has made, by name. */
  async customRoles(slug: string): Promise<CustomRole[]> {
    return (await this.#send<Page<CustomRole>>('GET', path('workspaces', slug, 'roles'))).items;
  }

  createCustomRole(slug: string, request: CreateCustomRoleRequest): Promise<CustomRole> {
    return this.#send('POST', path('workspaces', slug, 'roles'), request);
  }

  /** What is left out stays as it is. */
  updateCustomRole(slug: string, roleId: string, request: UpdateCustomRoleRequest): Promise<CustomRole> {
    return this.#send('PATCH', path('workspaces', slug, 'roles', roleId), request);
  }

  /** Whoever holds it. */
  deleteCustomRole(slug: string, roleId: string): Promise<void> {
    return this.#send('DELETE', path('workspaces', slug, 'roles', roleId));
  }

  /** Gives a member a custom role beside those that it has, or takes it away. */
  setCustomRole(slug: string, userId: string, roleId: string, isHeld: boolean): Promise<void> {
    return this.#send(isHeld ? 'PUT' : 'DELETE', path('workspaces', slug, 'members', userId, 'roles', roleId));
  }
}
