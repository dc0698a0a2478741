import type { Notification, PageOptions } from '@boltorezka/client';
import { useCallback, useEffect, useEffectEvent, useState } from 'react';
import { useAnnounce } from '../app/announcer.tsx';
import { useEvent } from '../app/hooks.ts';
import { type Paged, usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { useGateway } from '../app/use-gateway.ts';
import { asRead, titleOf, withTold } from './notifications.ts';

export interface Inbox {
  notifications: Paged<Notification>;
  unreadCount: number;
}

/** The account's inbox, as it is told over the socket. While it is open, what comes is read. */
export function useInbox(isOpen: boolean): Inbox {
  const announce = useAnnounce();
  const [unreadCount, setUnreadCount] = useState(0);
  const load = useCallback(async (page: PageOptions) => {
    const answer = await client.notifications(page);
    setUnreadCount(answer.unreadCount);
    return answer;
  }, []);
  const notifications = usePaged(load);
  const { items, isLoading, change, reload } = notifications;

  const gateway = useGateway(items !== undefined);
  useEvent(gateway, 'message', (message) => {
    if (message.type !== 'notification.new') return;
    const { notification, unreadCount } = message.payload;
    announce(titleOf(notification));
    setUnreadCount(unreadCount);
    // An answer that is on its way may be older than this.
    if (isLoading) reload();
    else change((known) => withTold(known, notification));
  });
  // What came while there was no socket was told to nobody.
  useEvent(gateway, 'ready', () => reload());

  const newestId = items?.[0]?.id;
  const isUnread = isOpen && unreadCount > 0;
  useEffect(() => {
    if (!isUnread || newestId === undefined) return;
    // What fails is read another time.
    client.readNotifications(newestId).then(setUnreadCount, () => undefined);
  }, [isUnread, newestId]);

  // What is new stays marked until the inbox is closed.
  const markRead = useEffectEvent(() => change((known) => asRead(known, new Date().toISOString())));
  useEffect(() => {
    if (isOpen) return () => markRead();
  }, [isOpen]);
  return { notifications, unreadCount };
}
