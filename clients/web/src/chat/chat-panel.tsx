import type { Room } from '@boltorezka/client';
import { useObservable } from '../app/hooks.ts';
import styles from './chat-panel.module.css';
import { Composer } from './composer.tsx';
import type { Mentionable } from './mentions.ts';
import { MessageList } from './message-list.tsx';
import { writingRules } from './writing-rules.ts';

/** Chat of a room; `isPage` when it is all there is. */
export function ChatPanel({ room, isPage = false }: { room: Room; isPage?: boolean }) {
  useObservable(room.chat);
  const role = room.self?.role;
  const { mayWrite, notice } = writingRules(room.info, role);
  return (
    <div className={isPage ? styles.page : styles.panel}>
      <MessageList chat={room.chat} role={role} />
      {notice !== undefined && <p className={mayWrite ? styles.notice : styles.readOnly}>{notice}</p>}
      {mayWrite && <Composer chat={room.chat} slug={room.slug} people={mentionable(room)} />}
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
