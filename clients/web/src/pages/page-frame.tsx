import { LogOut, Settings, User } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'react-aria-components';
import { isAdmin, useSession, useUser } from '../app/session.tsx';
import { InboxButton } from '../inbox/inbox-button.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { IconButton } from '../ui/button.tsx';
import { Logo } from '../ui/logo.tsx';
import { ActionItem, ActionMenu } from '../ui/menu.tsx';
import styles from './page-frame.module.css';

interface PageFrameProps {
  title: string;
  actions?: ReactNode;
  /** Links to pages beside this one. */
  navigation?: ReactNode;
  children: ReactNode;
}

/** The frame of the pages outside rooms: who we are, where we can go. */
export function PageFrame({ title, actions, navigation, children }: PageFrameProps) {
  return (
    <div className={styles.frame}>
      <header className={styles.header}>
        <Link href="/" className={styles.brand ?? ''}>
          <Logo />
          <span>Boltorezka</span>
        </Link>
        <AccountMenu />
      </header>
      {navigation}
      <main className={styles.main}>
        <div className={styles.heading}>
          <h1>{title}</h1>
          {actions}
        </div>
        {children}
      </main>
    </div>
  );
}

function AccountMenu() {
  const user = useUser();
  const { signOut } = useSession();
  return (
    <div className={styles.account}>
      <InboxButton />
      <span className={styles.name}>{user.displayName}</span>
      <ActionMenu
        label="Account"
        trigger={
          <IconButton label="Account">
            <Avatar name={user.displayName} userId={user.id} size={30} />
          </IconButton>
        }
      >
        <ActionItem icon={<User size={16} />} href="/account">
          Your account
        </ActionItem>
        {isAdmin(user) ? (
          <ActionItem icon={<Settings size={16} />} href="/admin">
            Administration
          </ActionItem>
        ) : null}
        <ActionItem icon={<LogOut size={16} />} onAction={() => void signOut()}>
          Sign out
        </ActionItem>
      </ActionMenu>
    </div>
  );
}
