import type { Chat, PendingMessage } from '@boltorezka/client';
import { CircleAlert, Clock } from 'lucide-react';
import { useUser } from '../app/session.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Attachments } from './attachments.tsx';
import styles from './message-list.module.css';
import { MessageText } from './message-text.tsx';

/** What the server has not confirmed yet. */
export function PendingMessages({ chat }: { chat: Chat }) {
  const user = useUser();
  if (chat.pending.length === 0) return null;
  return (
    <div className={styles.group}>
      <Avatar name={user.displayName} userId={user.id} />
      <div className={styles.bodies}>
        <p className={styles.who}>
          <span className={styles.sender}>{user.displayName} (you)</span>
        </p>
        {chat.pending.map((message) => (
          <Pending key={message.key} message={message} chat={chat} />
        ))}
      </div>
    </div>
  );
}

function Pending({ message, chat }: { message: PendingMessage; chat: Chat }) {
  if (message.state === 'sending') {
    return (
      <>
        <p className={styles.sending}>
          <MessageText text={message.text} />
          <Clock size={13} role="img" aria-label="On its way" />
        </p>
        <Attachments attachments={message.attachments} />
      </>
    );
  }
  return (
    <div className={styles.refused}>
      <p className={styles.message}>
        <MessageText text={message.text} />
      </p>
      <Attachments attachments={message.attachments} />
      <p role="alert" className={styles.reason}>
        <CircleAlert size={14} aria-hidden="true" />
        {message.error ?? 'It was not stored.'}
      </p>
      <div className={styles.actions}>
        <Button variant="secondary" size="small" onPress={() => chat.retry(message.key)}>
          Try again
        </Button>
        <Button variant="quiet" size="small" onPress={() => chat.discard(message.key)}>
          Discard
        </Button>
      </div>
    </div>
  );
}
