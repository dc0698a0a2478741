import type { Message } from '@boltorezka/client';
import { ToggleButton } from 'react-aria-components';
import styles from './message-item.module.css';

interface ReactionsProps {
  message: Message;
  userId: string;
  isReadOnly: boolean;
  onReact: (emoji: string, on: boolean) => void;
}

/** How people reacted; a press joins them, or takes that back. */
export function Reactions({ message, userId, isReadOnly, onReact }: ReactionsProps) {
  if (!message.reactions) return null;
  return (
    <div className={styles.reactions}>
      {message.reactions.map(({ emoji, count, userIds }) => (
        <ToggleButton
          key={emoji}
          className={styles.reaction ?? ''}
          isSelected={userIds.includes(userId)}
          isDisabled={isReadOnly}
          onChange={(on) => onReact(emoji, on)}
          aria-label={`${emoji}, ${count === 1 ? '1 reaction' : `${count} reactions`}`}
        >
          {emoji} {count}
        </ToggleButton>
      ))}
    </div>
  );
}
