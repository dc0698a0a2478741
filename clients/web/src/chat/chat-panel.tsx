import type { Message, Room } from '@boltorezka/client';
import { useState } from 'react';
import { useObservable } from '../app/hooks.ts';
import { GrantedContext, useLoadedGranted } from '../app/use-granted.ts';
import { DirectNotice } from '../direct/direct-notice.tsx';
import { useDirectRoom } from '../direct/use-direct-room.ts';
import styles from './chat-panel.module.css';
import { Composer } from './composer.tsx';
import type { Mentionable } from './mentions.ts';
import { MessageList } from './message-list.tsx';
import { TypingLine } from './typing-line.tsx';
import { writingRules } from './writing-rules.ts';

/** Chat of a room; `isPage` when it is all there is. */
export function ChatPanel({ room, isPage = false }: { room: Room; isPage?: boolean }) {
  useObservable(room.chat);
  const [replyTo, setReplyTo] = useState<Message>();
  const direct = useDirectRoom(room);
  const role = room.self?.role;
  const granted = useLoadedGranted();
  const { mayWrite: isAllowed, notice } = writingRules(room.info, role, granted);
  const mayWrite = isAllowed && (direct.room === undefined || direct.room.state === 'open');
  return (
    <div className={isPage ? styles.page : styles.panel}>
      {direct.room !== undefined && <DirectNotice room={direct.room} onChange={direct.reload} />}
      <GrantedContext value={granted}>
        <MessageList chat={room.chat} role={role} onReply={mayWrite ? setReplyTo : undefined} />
      </GrantedContext>
      <TypingLine chat={room.chat} />
      {notice !== undefined && <p className={mayWrite ? styles.notice : styles.readOnly}>{notice}</p>}
      {mayWrite && (
        <Composer
          chat={room.chat}
          slug={room.slug}
          people={mentionable(room)}
          replyTo={replyTo}
          onReplyEnd={() => setReplyTo(undefined)}
        />
      )}
    </div>
  );
}

/** Who is here, and whose messages are shown. */
function mentionable({ participants, chat }: Room): Mentionable[] {
  const people = new Map<string, Mentionable>();
  for (const { senderId, senderName } of chat.messages) people.set(senderId, { userId: senderId, name: senderName });
  for (const { userId, name } of participants) people.set(userId, { userId, name });
  return [...people.values()];
}
