import type {
  CreateWorkspaceRequest,
  FeatureSwitch,
  OptionalFeature,
  Page,
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
}
