import type { Role, User } from '@boltorezka/client';
import { useCallback, useEffect, useState } from 'react';
import { useTitle } from '../app/hooks.ts';
import { client, messageOf, useUser } from '../app/session.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { Skeleton } from '../ui/loading.tsx';
import { useToast } from '../ui/toasts.tsx';
import { PageFrame } from './page-frame.tsx';
import styles from './users-page.module.css';

/** People asked for at a time. */
const PAGE_SIZE = 50;

const ROLES: Record<Role, string> = { user: 'Member', admin: 'Admin', super_admin: 'Owner' };

/** All accounts, for admins; the owner makes others admins. */
export function UsersPage() {
  useTitle('People');
  const me = useUser();
  const toast = useToast();
  const [users, setUsers] = useState<User[]>();
  const [cursor, setCursor] = useState<string>();
  const [error, setError] = useState<string>();
  const [chosen, setChosen] = useState<User>();

  const load = useCallback(async (after: string | undefined) => {
    try {
      const page = await client.users(after === undefined ? { limit: PAGE_SIZE } : { cursor: after, limit: PAGE_SIZE });
      setUsers((before) => (after === undefined ? page.items : [...(before ?? []), ...page.items]));
      setCursor(page.nextCursor);
      setError(undefined);
    } catch (failure) {
      setError(messageOf(failure));
    }
  }, []);

  useEffect(() => void load(undefined), [load]);

  const promote = async (user: User) => {
    setChosen(undefined);
    try {
      const promoted = await client.promote(user.id, 'admin');
      setUsers((before) => before?.map((each) => (each.id === promoted.id ? promoted : each)));
      toast(`${promoted.displayName} is an admin now.`);
    } catch (failure) {
      toast(messageOf(failure), 'error');
    }
  };

  return (
    <PageFrame title="People">
      {error !== undefined && (
        <p role="alert" className={styles.error}>
          {error}
        </p>
      )}
      <ul className={styles.list} aria-busy={users === undefined}>
        {users?.map((user) => (
          <li key={user.id} className={styles.user}>
            <Avatar name={user.displayName} userId={user.id} size={36} />
            <span className={styles.names}>
              <span className={styles.name}>{user.id === me.id ? `${user.displayName} (you)` : user.displayName}</span>
              <span className={styles.email}>{user.email}</span>
            </span>
            <span className={user.role === 'user' ? styles.role : styles.raised}>{ROLES[user.role]}</span>
            {me.role === 'super_admin' && user.role === 'user' && (
              <Button variant="secondary" size="small" onPress={() => setChosen(user)}>
                Make admin
              </Button>
            )}
          </li>
        ))}
        {users === undefined && error === undefined && <LoadingUsers />}
      </ul>
      {cursor !== undefined && (
        <p className={styles.more}>
          <Button variant="secondary" onPress={() => void load(cursor)}>
            Show more
          </Button>
        </p>
      )}
      <Dialog
        title={`Make ${chosen?.displayName ?? ''} an admin?`}
        role="alertdialog"
        isOpen={chosen !== undefined}
        onClose={() => setChosen(undefined)}
      >
        <p>Admins make and delete rooms, remove and mute people in each room, and see this list.</p>
        <DialogActions>
          <Button variant="secondary" onPress={() => setChosen(undefined)}>
            Cancel
          </Button>
          <Button onPress={() => chosen && void promote(chosen)}>Make admin</Button>
        </DialogActions>
      </Dialog>
    </PageFrame>
  );
}

function LoadingUsers() {
  return [150, 110, 170].map((width) => (
    <li key={width} className={styles.user}>
      <Skeleton width={36} height={36} />
      <span className={styles.names}>
        <Skeleton width={width} height={14} />
        <Skeleton width={width * 1.3} />
      </span>
    </li>
  ));
}
