import type { Account, Role, User } from '@boltorezka/client';

/** What an admin can do with an account. */
export type AccountAction =
  | 'promote'
  | 'approve'
  | 'block'
  | 'unblock'
  | 'password_link'
  | 'verification_link'
  | 'remove_second_factor';

const RANK: Record<Role, number> = { user: 0, admin: 1, super_admin: 2 };

/** What `me` may do with `account`, as the server has it: mostly with those of a lower role alone. */
export function accountActions(me: User, account: Account): AccountAction[] {
  const isBelow = RANK[account.role] < RANK[me.role];
  const actions: [AccountAction, boolean][] = [
    ['approve', account.state === 'pending'],
    ['promote', me.role === 'super_admin' && account.role === 'user' && account.state === 'active'],
    ['password_link', isBelow],
    ['verification_link', isBelow && !account.emailVerified],
    ['remove_second_factor', isBelow && account.secondFactor],
    ['block', isBelow && account.state !== 'blocked'],
    ['unblock', isBelow && account.state === 'blocked'],
  ];
  return actions.filter(([, may]) => may).map(([action]) => action);
}
