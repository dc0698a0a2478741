import type { User } from '@boltorezka/client';
import type { Section } from './section-names.ts';

export const SECTION_TITLES: Record<Section, string> = {
  people: 'People',
  workspaces: 'Workspaces',
  rooms: 'Rooms',
  participants: 'In rooms now',
  server: 'Server',
  outbox: 'Outbox',
  audit: 'Audit log',
  settings: 'Settings',
  keys: 'API keys',
};

/** Only the owner of the server sees these. */
const OWNERS: readonly Section[] = ['keys'];

/** Whether somebody may see a page. The server decides; this is so that nobody is led to what it refuses. */
export function maySee(user: User, section: Section): boolean {
  return OWNERS.includes(section) ? user.role === 'super_admin' : user.role !== 'user';
}

export function sectionPath(section: Section): string {
  return `/admin/${section}`;
}

export function workspacePath(slug: string): string {
  return `/admin/workspaces/${encodeURIComponent(slug)}`;
}
