import type { Participant, Role, RoomRole } from '@boltorezka/client';

const RANK: Record<RoomRole, number> = { listener: 0, member: 1, moderator: 2, owner: 3 };

/**
 * Whether to offer moderation of `other`. The server decides in the end; this keeps buttons away that would only be
 * refused: nobody moderates themselves or somebody of their own rank, except that admins of the server may.
 */
export function mayModerate(role: Role, own: RoomRole | undefined, other: Participant): boolean {
  if (other.isLocal) return false;
  if (role !== 'user') return true;
  return own !== undefined && RANK[own] >= RANK.moderator && RANK[own] > RANK[other.role];
}

/** Whether to show who waits in the lobby. Only those who may let them in are told. */
export function moderates(role: Role, own: RoomRole | undefined): boolean {
  return role !== 'user' || (own !== undefined && RANK[own] >= RANK.moderator);
}
