import type { DirectRoom } from '@boltorezka/client';
import { useEffect } from 'react';
import { Link } from 'react-aria-components';
import { useEvent } from '../app/hooks.ts';
import { roomPath } from '../app/router.ts';
import { client } from '../app/session.tsx';
import { useGateway } from '../app/use-gateway.ts';
import { useLoad } from '../app/use-load.ts';
import { countText } from '../inbox/notifications.ts';
import { Avatar } from '../ui/avatar.tsx';
import styles from './direct-list.module.css';
import { stateText } from './texts.ts';

/** How often it is looked who is there. */
const REFRESH_MS = 10_000;

/** As many as a person looks through. */
const SHOWN_MAX = 100;

const load = async (): Promise<DirectRoom[]> => (await client.direct.list({ limit: SHOWN_MAX })).items;

/** With whom one writes alone, newest first. Nothing while there is nobody. */
export function DirectList() {
  const { value: rooms, reload } = useLoad(load);
  const gateway = useGateway(rooms !== undefined);
  useEvent(gateway, 'message', ({ type }) => {
    if (type === 'notification.new' || type === 'call.ringing' || type === 'call.ring_ended') reload();
  });
  useEvent(gateway, 'ready', () => reload());
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') reload();
    }, REFRESH_MS);
    return () => clearInterval(timer);
  }, [reload]);

  if (rooms === undefined || rooms.length === 0) return null;
  return (
    <nav className={styles.section} aria-label="Direct messages">
      <h2 className={styles.heading}>Direct messages</h2>
      <ul className={styles.list}>
        {rooms.map((room) => (
          <li key={room.id}>
            <DirectRow room={room} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

function DirectRow({ room: { room, user, state, unreadCount, ringing } }: { room: DirectRoom }) {
  return (
    <Link href={roomPath(room)} className={styles.row ?? ''}>
      <span className={styles.person}>
        <Avatar name={user.displayName} userId={user.id} size={36} />
        {user.online && <span className={styles.online} role="img" aria-label="Online" />}
      </span>
      <span className={styles.names}>
        <span className={styles.name}>{user.displayName}</span>
        <span className={styles.state}>{stateText(state, ringing !== undefined)}</span>
      </span>
      {unreadCount > 0 && (
        <span className={styles.unread}>
          <span aria-hidden="true">{countText(unreadCount)}</span>
          <span className="visually-hidden">{`${countText(unreadCount)} new`}</span>
        </span>
      )}
    </Link>
  );
}
