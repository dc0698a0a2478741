import type { AuditActor, Role, WorkspaceRole } from '@boltorezka/client';

export const ROLES: Record<Role, string> = { user: 'Member', admin: 'Admin', super_admin: 'Owner' };

export const WORKSPACE_ROLES: Record<WorkspaceRole, string> = {
  guest: 'Guest',
  member: 'Member',
  admin: 'Admin',
  owner: 'Owner',
};

/** 612000 → 612 kbit/s. */
export function bitrateText(bitsPerS: number): string {
  if (bitsPerS >= 1_000_000) return `${(bitsPerS / 1_000_000).toFixed(1)} Mbit/s`;
  return `${Math.round(bitsPerS / 1000)} kbit/s`;
}

/** Rough, as one says it: 81230 → 1 min. */
export function durationText(ms: number): string {
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function countText(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Who did something. */
export function actorText(actor: AuditActor): string {
  if (actor.kind === 'owner_link') return 'Owner link or command line';
  if (actor.kind === 'user') return actor.name ?? `Deleted account ${actor.userId}`;
  return `API key ${actor.name ?? actor.apiKeyId}`;
}

/** By what it is searched for. */
export function actorId(actor: AuditActor): string | undefined {
  if (actor.kind === 'owner_link') return undefined;
  return actor.kind === 'user' ? actor.userId : actor.apiKeyId;
}

/** A link as it is handed out: of a server that does not know its address it is only the path. */
export function wholeLink(link: string, origin: string): string {
  return new URL(link, origin).href;
}

/** What `<input type="datetime-local">` says, in the reader's time, as the server takes it. */
export function instantOf(local: string): string | undefined {
  const time = local === '' ? Number.NaN : new Date(local).getTime();
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** What an API key may do, as it was typed: words with spaces, commas or lines between. None means all. */
export function scopesOf(text: string): string[] | undefined {
  const scopes = text.split(/[\s,]+/).filter((scope) => scope !== '');
  return scopes.length === 0 ? undefined : scopes;
}
