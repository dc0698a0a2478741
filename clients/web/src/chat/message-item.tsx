import type { Chat, Message, RoomRole } from '@boltorezka/client';
import { CornerUpRight, Ellipsis, Flag, Pencil, Pin, PinOff, Reply, SmilePlus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { messageOf, useUser } from '../app/session.tsx';
import { useGranted } from '../app/use-granted.ts';
import { IconButton } from '../ui/button.tsx';
import { ActionItem, ActionMenu } from '../ui/menu.tsx';
import { useToast } from '../ui/toasts.tsx';
import { Attachments } from './attachments.tsx';
import { MessageEditor } from './message-editor.tsx';
import styles from './message-item.module.css';
import { messageRights } from './message-rights.ts';
import { MessageText } from './message-text.tsx';
import { Reactions } from './reactions.tsx';
import { ReportDialog } from './report-dialog.tsx';

/** What the menu offers; others are shown when somebody uses them. */
const EMOJIS = ['👍', '❤️', '😂'];

interface MessageItemProps {
  chat: Chat;
  message: Message;
  role: RoomRole | undefined;
  /** Begins an answer to it; absent where nobody writes. */
  onReply: ((message: Message) => void) | undefined;
}

/** One message, with what may be done with it. */
export function MessageItem({ chat, message, role, onReply }: MessageItemProps) {
  const user = useUser();
  const toast = useToast();
  const [isEditing, setEditing] = useState(false);
  const [isReporting, setReporting] = useState(false);
  const rights = messageRights(message, user.id, role, useGranted());
  const carryOut = (change: Promise<void>) => change.catch((error) => toast(messageOf(error), 'error'));
  const isPinned = message.pinnedAt !== undefined;
  const react = (emoji: string, on: boolean) => void carryOut(chat.react(message.id, emoji, on));
  if (isEditing && rights.mayEdit) {
    return <MessageEditor chat={chat} message={message} onClose={() => setEditing(false)} />;
  }
  return (
    <div className={styles.item} data-message-id={message.id}>
      <div className={styles.body}>
        <Answered chat={chat} id={message.replyTo} />
        <p className={styles.text}>
          {message.text === undefined ? (
            <em className={styles.mark}>Message deleted</em>
          ) : (
            <MessageText text={message.text} />
          )}
          {message.editedAt !== undefined && <span className={styles.mark}> (edited)</span>}
          {isPinned && <span className={styles.mark}> (pinned)</span>}
        </p>
        <Attachments attachments={message.attachments} />
        <Reactions message={message} userId={user.id} isReadOnly={!rights.mayReact} onReact={react} />
      </div>
      {(rights.mayReact || rights.mayReport) && (
        <div className={styles.actions}>
          <ActionMenu
            label={`Message of ${message.senderName}`}
            trigger={
              <IconButton label={`Options for the message of ${message.senderName}`}>
                <Ellipsis size={16} />
              </IconButton>
            }
          >
            {rights.mayReply && onReply !== undefined ? (
              <ActionItem icon={<Reply size={16} />} onAction={() => onReply(message)}>
                Reply
              </ActionItem>
            ) : null}
            {(rights.mayReact ? EMOJIS : []).map((emoji) => (
              <ActionItem key={emoji} icon={<SmilePlus size={16} />} onAction={() => react(emoji, true)}>
                {`React with ${emoji}`}
              </ActionItem>
            ))}
            {rights.mayPin ? (
              <ActionItem
                icon={isPinned ? <PinOff size={16} /> : <Pin size={16} />}
                onAction={() => void carryOut(chat.pin(message.id, !isPinned))}
              >
                {isPinned ? 'Unpin' : 'Pin'}
              </ActionItem>
            ) : null}
            {rights.mayEdit ? (
              <ActionItem icon={<Pencil size={16} />} onAction={() => setEditing(true)}>
                Edit
              </ActionItem>
            ) : null}
            {rights.mayReport ? (
              <ActionItem icon={<Flag size={16} />} onAction={() => setReporting(true)}>
                Report
              </ActionItem>
            ) : null}
            {rights.mayDelete ? (
              <ActionItem
                icon={<Trash2 size={16} />}
                isDangerous
                onAction={() => void carryOut(chat.delete(message.id))}
              >
                Delete
              </ActionItem>
            ) : null}
          </ActionMenu>
        </div>
      )}
      <ReportDialog message={message} isOpen={isReporting} onClose={() => setReporting(false)} />
    </div>
  );
}

/** What a message answers, where it is loaded. */
function Answered({ chat, id }: { chat: Chat; id: string | undefined }) {
  if (id === undefined) return null;
  const answered = chat.messages.find((message) => message.id === id);
  return (
    <p className={styles.answered}>
      <CornerUpRight size={13} role="img" aria-label="Answers" />
      {answered === undefined ? 'An earlier message' : `${answered.senderName}: ${answered.text ?? 'Message deleted'}`}
    </p>
  );
}
