import type { Chat } from '@boltorezka/client';
import { useEffect, useState } from 'react';
import { useAnnounce } from '../app/announcer.tsx';
import { useEvent } from '../app/hooks.ts';
import { useUser } from '../app/session.tsx';

/** How many messages came while the chat was closed. */
export function useUnread(chat: Chat, isOpen: boolean): number {
  const user = useUser();
  const announce = useAnnounce();
  const [unread, setUnread] = useState(0);
  useEvent(chat, 'message', (message) => {
    if (message.senderId === user.id) return;
    announce(`${message.senderName}: ${message.text ?? ''}`);
    if (!isOpen) setUnread((count) => count + 1);
  });
  useEffect(() => {
    if (isOpen) setUnread(0);
    chat.isRead = isOpen;
    return () => {
      chat.isRead = false;
    };
  }, [chat, isOpen]);
  return unread;
}
