import type { Role, User } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { SECTIONS } from './section-names.ts';
import { maySee, SECTION_TITLES, sectionPath, workspacePath } from './sections.ts';

function seenBy(role: Role): string[] {
  const user: User = { id: 'u', email: 'u@example.org', displayName: 'U', role };
  return SECTIONS.filter((section) => maySee(user, section));
}

test('each sees what the server lets them see', () => {
  expect(seenBy('user')).toEqual([]);
  expect(seenBy('admin')).toEqual(SECTIONS.filter((section) => section !== 'keys'));
  expect(seenBy('super_admin')).toEqual([...SECTIONS]);
});

test('each page has a name and an address', () => {
  expect(Object.keys(SECTION_TITLES)).toEqual([...SECTIONS]);
  expect(sectionPath('audit')).toBe('/admin/audit');
  expect(workspacePath('a b')).toBe('/admin/workspaces/a%20b');
});
