import type { Room } from '@boltorezka/client';
import { ArrowLeft, MessageSquare, Search, Users } from 'lucide-react';
import { ToggleButton } from 'react-aria-components';
import { InboxButton } from '../inbox/inbox-button.tsx';
import { IconLink } from '../ui/button.tsx';
import { QualityIndicator } from './quality-indicator.tsx';
import styles from './room-view.module.css';
import type { Panel } from './room-view.tsx';

interface RoomHeaderProps {
  room: Room;
  panel: Panel | undefined;
  unread: number;
  onToggle(panel: Panel): void;
}

export function RoomHeader({ room, panel, unread, onToggle }: RoomHeaderProps) {
  const count = room.participants.length;
  const waiting = room.lobby.length;
  return (
    <header className={styles.header}>
      <IconLink href="/" label="Back to rooms">
        <ArrowLeft size={19} />
      </IconLink>
      <div className={styles.titles}>
        <h1 className={styles.title}>{room.info.title}</h1>
        <span className={styles.count}>{count === 1 ? '1 person' : `${count} people`}</span>
      </div>
      <QualityIndicator call={room.call} />
      {room.info.kind !== 'text' && (
        <ToggleButton
          className={styles.toggle ?? ''}
          aria-label="Chat"
          aria-describedby="unread"
          isSelected={panel === 'chat'}
          onChange={() => onToggle('chat')}
        >
          <MessageSquare size={18} />
          <span>Chat</span>
          {unread > 0 && <span className={styles.badge}>{Math.min(unread, 99)}</span>}
        </ToggleButton>
      )}
      <span id="unread" hidden>
        {unread > 0 ? `${unread} new` : ''}
      </span>
      <ToggleButton
        className={styles.toggle ?? ''}
        aria-label="Search messages"
        isSelected={panel === 'search'}
        onChange={() => onToggle('search')}
      >
        <Search size={18} />
        <span>Search</span>
      </ToggleButton>
      <ToggleButton
        className={styles.toggle ?? ''}
        aria-label="People"
        aria-describedby="waiting"
        isSelected={panel === 'people'}
        onChange={() => onToggle('people')}
      >
        <Users size={18} />
        <span>People</span>
        {waiting > 0 && <span className={styles.badge}>{waiting}</span>}
      </ToggleButton>
      <span id="waiting" hidden>
        {waiting > 0 ? `${waiting} waiting` : ''}
      </span>
      <InboxButton />
    </header>
  );
}
