import { expect, test } from 'vitest';
import { OwnAccount } from './account.ts';
import { Admin } from './admin.ts';
import type { Send } from './send.ts';
import { Workspaces } from './workspaces.ts';

/** Answers what it is given, one after the other, and keeps what it is asked. */
function recorded(...answers: unknown[]) {
  const asked: unknown[][] = [];
  const send = (async (...request: unknown[]) => {
    asked.push(request);
    return answers.shift() ?? {};
  }) as Send;
  return { asked, send };
}

test('what is searched for is in the address, and what is empty is not', async () => {
  const { asked, send } = recorded();
  const filter = { actor: '', action: 'admin.user', from: '2027-01-15T08:00:00.000Z' };
  await new Admin(send).auditLog(filter, { limit: 50, cursor: '1.2' });
  expect(asked).toEqual([
    ['GET', '/admin/audit-log?action=admin.user&from=2027-01-15T08%3A00%3A00.000Z&limit=50&cursor=1.2'],
  ]);
});

test('names stay in their place in the path, whatever they hold', async () => {
  const { asked, send } = recorded();
  await new Admin(send).kick('a/b', 'c d', '?');
  await new Workspaces(send).setFeature('acme', 'video', false);
  await new Workspaces(send).setCustomRole('acme', 'u/1', 'r?', true);
  await new Workspaces(send).setCustomRole('acme', 'u/1', 'r?', false);
  await new Workspaces(send).ban('acme', 'talk', 'u/1');
  await new Workspaces(send).resolveReport('acme', 'p?');
  expect(asked).toEqual([
    ['POST', '/workspaces/a%2Fb/rooms/c%20d/participants/%3F/kick'],
    ['PUT', '/workspaces/acme/features/video', { enabled: false }],
    ['PUT', '/workspaces/acme/members/u%2F1/roles/r%3F'],
    ['DELETE', '/workspaces/acme/members/u%2F1/roles/r%3F'],
    ['PUT', '/workspaces/acme/rooms/talk/bans/u%2F1'],
    ['POST', '/workspaces/acme/reports/p%3F/resolve'],
  ]);
});

test('an export is read to its end', async () => {
  const { asked, send } = recorded(
    { messages: [1], nextCursor: 'c' },
    { messages: [2], nextCursor: 'd' },
    { messages: [3] },
  );
  expect(await new OwnAccount(send).export()).toEqual({ messages: [1, 2, 3] });
  expect(asked.map(([, path]) => path)).toEqual([
    '/auth/me/export',
    '/auth/me/export?cursor=c',
    '/auth/me/export?cursor=d',
  ]);
});
