import type { Room } from '@boltorezka/client';
import { useObservable } from '../app/hooks.ts';
import styles from './chat-panel.module.css';
import { Composer } from './composer.tsx';
import { MessageList } from './message-list.tsx';

/** Chat of a room; `isPage` when it is all there is. */
export function ChatPanel({ room, isPage = false }: { room: Room; isPage?: boolean }) {
  useObservable(room.chat);
  const role = room.self?.role;
  const isListener = role === 'listener';
  return (
    <div className={isPage ? styles.page : styles.panel}>
      <MessageList chat={room.chat} role={role} />
      {isListener ? (
        <p className={styles.readOnly}>You can read along here, but not write.</p>
      ) : (
        <Composer chat={room.chat} />
      )}
    </div>
  );
}
