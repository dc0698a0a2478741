import type { Notification } from '@boltorezka/client';
import { Bell } from 'lucide-react';
import { useState } from 'react';
import { Dialog, DialogTrigger, Heading, Link, Popover } from 'react-aria-components';
import { roomPath } from '../app/router.ts';
import { IconButton } from '../ui/button.tsx';
import { Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import styles from './inbox-button.module.css';
import { countText, placeOf, roomOf, titleOf } from './notifications.ts';
import { useInbox } from './use-inbox.ts';

/** A bell with the number of what is new, and behind it who mentioned, answered, wrote to or called us. */
export function InboxButton() {
  const [isOpen, setOpen] = useState(false);
  const { notifications, unreadCount } = useInbox(isOpen);
  return (
    <DialogTrigger isOpen={isOpen} onOpenChange={setOpen}>
      <div className={styles.bell}>
        <IconButton label="Inbox" aria-describedby="inbox-unread">
          <Bell size={18} />
        </IconButton>
        {unreadCount > 0 && (
          <span className={styles.badge} aria-hidden="true">
            {countText(unreadCount)}
          </span>
        )}
        <span id="inbox-unread" hidden>
          {unreadCount > 0 ? `${countText(unreadCount)} new` : ''}
        </span>
      </div>
      <Popover className={styles.popover ?? ''} placement="bottom end" offset={8}>
        <Dialog className={styles.dialog ?? ''}>
          <Heading slot="title" className={styles.title ?? ''}>
            Inbox
          </Heading>
          <Records
            label="Notifications"
            empty="Nothing yet. Who mentions you, answers you, writes to you alone or calls you in vain is shown here."
            keyOf={(notification: Notification) => notification.id}
            {...notifications}
          >
            {(notification) => <Item notification={notification} onGo={() => setOpen(false)} />}
          </Records>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function Item({ notification, onGo }: { notification: Notification; onGo(): void }) {
  const { message, createdAt, readAt } = notification;
  return (
    <Link href={roomPath(roomOf(notification))} onPress={onGo} className={styles.item ?? ''}>
      <span className={styles.what}>
        {titleOf(notification)}
        {readAt === undefined && <span className={styles.new}>New</span>}
      </span>
      <span className={styles.text}>{message?.text ?? ''}</span>
      <span className={styles.where}>
        {placeOf(notification)} · <time dateTime={createdAt}>{timeText(createdAt)}</time>
      </span>
    </Link>
  );
}
