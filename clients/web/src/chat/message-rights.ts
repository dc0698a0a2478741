import type { Message, RoomRole } from '@boltorezka/client';
import { type Granted, NOTHING_GRANTED } from '../app/granted.ts';

/** What somebody may do with a message. The server decides; this is what is offered. */
export interface MessageRights {
  mayReact: boolean;
  mayReply: boolean;
  mayReport: boolean;
  mayEdit: boolean;
  mayDelete: boolean;
  mayPin: boolean;
}

const NONE: MessageRights = {
  mayReact: false,
  mayReply: false,
  mayReport: false,
  mayEdit: false,
  mayDelete: false,
  mayPin: false,
};

/** `granted` adds to the role. Deleting what others said is a matter of rank, which only a role gives. */
export function messageRights(
  message: Message,
  userId: string,
  role: RoomRole | undefined,
  granted: Granted = NOTHING_GRANTED,
): MessageRights {
  if (message.deletedAt !== undefined || role === undefined) return NONE;
  const isOwn = message.senderId === userId;
  const moderates = role === 'moderator' || role === 'owner';
  const may = (permission: string) => role !== 'listener' || granted.has(permission);
  return {
    mayReact: may('chat.reaction.set'),
    mayReply: may('chat.message.send'),
    mayReport: !isOwn,
    mayEdit: isOwn && may('chat.message.edit'),
    mayDelete: moderates || (isOwn && may('chat.message.delete')),
    mayPin: moderates || granted.has('chat.pin.set'),
  };
}
