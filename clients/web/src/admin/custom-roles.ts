import type { CustomRole, GrantablePermission, HeldRole, RoomRole } from '@boltorezka/client';
import { countText } from './texts.ts';

/** The least that the holders of a custom role are in every room, as it is chosen. */
export const ROOM_RIGHTS: Record<RoomRole, string> = {
  listener: 'Nothing more than they are',
  member: 'Take part: speak, show, write',
  moderator: 'Moderate: also kick, ban, mute',
  owner: 'Manage: also change and delete rooms, give roles',
};

const FEATURE_TITLES: Record<string, string> = {
  workspaces: 'Workspace',
  rooms: 'Rooms',
  chat: 'Messages',
  calls: 'Calls',
  video: 'Cameras',
  screen: 'Shared screens',
};

export interface PermissionGroup {
  feature: string;
  title: string;
  permissions: readonly GrantablePermission[];
}

/** Permissions under the features that they are of, in the order of the server. */
export function permissionGroups(permissions: readonly GrantablePermission[]): PermissionGroup[] {
  const features = [...new Set(permissions.map((permission) => permission.feature))];
  return features.map((feature) => ({
    feature,
    title: FEATURE_TITLES[feature] ?? feature,
    permissions: permissions.filter((permission) => permission.feature === feature),
  }));
}

/** "Make a room." as the name of a box. */
export function permissionText({ about }: GrantablePermission): string {
  return about.replace(/\.$/, '');
}

/** What a role gives, in a line. */
export function givesText({ permissions, roomRole }: CustomRole): string {
  const parts = [];
  if (roomRole !== 'listener') parts.push(`in every room: ${ROOM_RIGHTS[roomRole].split(':')[0]?.toLowerCase()}`);
  if (permissions.length > 0) parts.push(countText(permissions.length, 'permission', 'permissions'));
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

/** Those of `held` that there still are, as they are called now. */
export function currentRoles(held: readonly HeldRole[], roles: readonly CustomRole[] | undefined): HeldRole[] {
  if (roles === undefined) return [...held];
  return roles.filter((role) => held.some(({ id }) => id === role.id));
}

/** `roles` with `role` as it is now, by name. */
export function withRole(roles: readonly CustomRole[], role: CustomRole): CustomRole[] {
  const others = roles.filter(({ id }) => id !== role.id);
  return [...others, role].sort((one, other) => (one.name < other.name ? -1 : 1));
}
