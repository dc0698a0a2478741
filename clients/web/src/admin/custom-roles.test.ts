import type { CustomRole, GrantablePermission } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { currentRoles, givesText, permissionGroups, permissionText, withRole } from './custom-roles.ts';

const permission = (name: string, about: string): GrantablePermission => ({
  name,
  feature: name.split('.')[0] ?? '',
  about,
});

const role = (id: string, name: string, more: Partial<CustomRole> = {}): CustomRole => ({
  id,
  name,
  permissions: [],
  roomRole: 'listener',
  memberCount: 0,
  createdAt: '2027-01-15T08:00:00.000Z',
  ...more,
});

test('permissions stand under their features, in the order in which they came', () => {
  const groups = permissionGroups([
    permission('rooms.room.create', 'Make a room.'),
    permission('chat.message.send', 'Say something.'),
    permission('rooms.room.update', 'Change a room.'),
    permission('later.thing.do', 'Do something new.'),
  ]);
  expect(groups.map(({ title, permissions }) => [title, permissions.map(permissionText)])).toEqual([
    ['Rooms', ['Make a room', 'Change a room']],
    ['Messages', ['Say something']],
    ['later', ['Do something new']],
  ]);
});

test('a role says what it gives', () => {
  expect(givesText(role('1', 'Empty'))).toBe('nothing');
  expect(givesText(role('1', 'Writer', { permissions: ['chat.message.send'] }))).toBe('1 permission');
  const host = role('1', 'Host', { permissions: ['rooms.room.create', 'rooms.room.update'], roomRole: 'moderator' });
  expect(givesText(host)).toBe('in every room: moderate, 2 permissions');
});

test('a member shows the roles that there are, by their names of now', () => {
  const held = [
    { id: '1', name: 'Old name' },
    { id: '2', name: 'Deleted' },
  ];
  expect(currentRoles(held, undefined)).toEqual(held);
  expect(currentRoles(held, [role('1', 'New name'), role('3', 'Other')]).map(({ name }) => name)).toEqual(['New name']);
});

test('a role that was made or changed is in its place', () => {
  const names = (roles: CustomRole[]) => roles.map(({ name }) => name);
  const roles = withRole([role('1', 'Alto'), role('2', 'Tenor')], role('3', 'Bass'));
  expect(names(roles)).toEqual(['Alto', 'Bass', 'Tenor']);
  expect(names(withRole(roles, role('1', 'Zither')))).toEqual(['Bass', 'Tenor', 'Zither']);
});
