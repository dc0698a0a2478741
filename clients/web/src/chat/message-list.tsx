import type { Chat, Message, RoomRole } from '@boltorezka/client';
import { ArrowDown, MessageSquare } from 'lucide-react';
import { useMemo } from 'react';
import { useUser } from '../app/session.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Skeleton } from '../ui/loading.tsx';
import { type MessageGroup, messageGroups } from './message-groups.ts';
import { MessageItem } from './message-item.tsx';
import styles from './message-list.module.css';
import { PendingMessages } from './pending-messages.tsx';
import { useChatScroll } from './use-chat-scroll.ts';

interface MessageListProps {
  chat: Chat;
  role: RoomRole | undefined;
  onReply: ((message: Message) => void) | undefined;
}

/** What was said, oldest first, with what is on its way at the end. */
export function MessageList({ chat, role, onReply }: MessageListProps) {
  const user = useUser();
  const groups = useMemo(() => messageGroups(chat.messages), [chat.messages]);
  const { list, top, missed, toEnd, onScroll } = useChatScroll(chat);
  const isEmpty = chat.isLoaded && chat.messages.length === 0 && chat.pending.length === 0;
  return (
    <div className={styles.frame}>
      <div
        ref={list}
        className={styles.list}
        onScroll={onScroll}
        role="log"
        aria-live="off"
        aria-label="Conversation"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard
        tabIndex={0}
      >
        <div ref={top} />
        <HistoryState chat={chat} />
        {isEmpty && (
          <div className={styles.empty}>
            <MessageSquare size={24} />
            <p>No messages yet. Say hello.</p>
          </div>
        )}
        {groups.map((group) => (
          <Group
            key={group.key}
            group={group}
            isOwn={group.senderId === user.id}
            chat={chat}
            role={role}
            onReply={onReply}
          />
        ))}
        <PendingMessages chat={chat} />
      </div>
      {missed > 0 && (
        <div className={styles.missed}>
          <Button size="small" onPress={toEnd}>
            <ArrowDown size={15} />
            {missed === 1 ? '1 new message' : `${missed} new messages`}
          </Button>
        </div>
      )}
    </div>
  );
}

function HistoryState({ chat }: { chat: Chat }) {
  if (chat.loadError) {
    return (
      <div className={styles.failed} role="alert">
        <p>{chat.loadError.message}</p>
        <Button variant="secondary" size="small" onPress={() => void chat.loadMore()}>
          Load again
        </Button>
      </div>
    );
  }
  if (!chat.isLoading || (chat.isLoaded && !chat.hasMore)) return null;
  return (
    <div className={styles.loading} aria-hidden="true">
      {[62, 80, 48].map((width) => (
        <div key={width} className={styles.group}>
          <Skeleton width={32} height={32} />
          <div className={styles.bodies}>
            <Skeleton width="30%" />
            <Skeleton width={`${width}%`} />
          </div>
        </div>
      ))}
    </div>
  );
}

const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', month: 'long', day: 'numeric' });
const TIME = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });

interface GroupProps {
  group: MessageGroup;
  isOwn: boolean;
  chat: Chat;
  role: RoomRole | undefined;
  onReply: ((message: Message) => void) | undefined;
}

function Group({ group, isOwn, chat, role, onReply }: GroupProps) {
  return (
    <>
      {group.isNewDay && <p className={styles.day}>{dayText(group.startedAt)}</p>}
      <div className={styles.group}>
        <Avatar name={group.senderName} userId={group.senderId} />
        <div className={styles.bodies}>
          <p className={styles.who}>
            <span className={styles.sender}>{isOwn ? `${group.senderName} (you)` : group.senderName}</span>
            <time dateTime={group.startedAt.toISOString()} className={styles.time}>
              {TIME.format(group.startedAt)}
            </time>
          </p>
          {group.messages.map((message) => (
            <MessageItem key={message.id} chat={chat} message={message} role={role} onReply={onReply} />
          ))}
        </div>
      </div>
    </>
  );
}

function dayText(day: Date): string {
  return day.toDateString() === new Date().toDateString() ? 'Today' : DAY.format(day);
}
