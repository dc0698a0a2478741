import type { Account, Role, User } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { accountActions } from './account-actions.ts';

function person(role: Role): User {
  return { id: role, email: `${role}@example.org`, displayName: role, role };
}

function account(role: Role, more: Partial<Account> = {}): Account {
  return { ...person(role), state: 'active', emailVerified: true, secondFactor: false, ...more };
}

test('nobody acts on an equal, or on themselves', () => {
  expect(accountActions(person('admin'), account('admin'))).toEqual([]);
  expect(accountActions(person('super_admin'), account('super_admin', { secondFactor: true }))).toEqual([]);
});

test('only the owner makes admins, of accounts that are let in', () => {
  expect(accountActions(person('admin'), account('user'))).not.toContain('promote');
  expect(accountActions(person('super_admin'), account('user'))).toContain('promote');
  expect(accountActions(person('super_admin'), account('user', { state: 'blocked' }))).not.toContain('promote');
  expect(accountActions(person('super_admin'), account('admin'))).not.toContain('promote');
});

test('what is done can be taken back, and is not done twice', () => {
  expect(accountActions(person('admin'), account('user'))).toEqual(['password_link', 'block']);
  const blocked = accountActions(person('admin'), account('user', { state: 'blocked' }));
  expect(blocked).toContain('unblock');
  expect(blocked).not.toContain('block');
});

test('what an account lacks can be given, and what it has taken', () => {
  const found = accountActions(
    person('admin'),
    account('user', { state: 'pending', emailVerified: false, secondFactor: true }),
  );
  expect(found).toEqual(['approve', 'password_link', 'verification_link', 'remove_second_factor', 'block']);
});
