import type { Message, RoomRole } from '@boltorezka/client';

/** What somebody may do with a message. The server decides; this is what is offered. */
export interface MessageRights {
  mayReact: boolean;
  mayEdit: boolean;
  mayDelete: boolean;
  mayPin: boolean;
}

const NONE: MessageRights = { mayReact: false, mayEdit: false, mayDelete: false, mayPin: false };

export function messageRights(message: Message, userId: string, role: RoomRole | undefined): MessageRights {
  if (message.deletedAt !== undefined || role === undefined || role === 'listener') return NONE;
  const isOwn = message.senderId === userId;
  const moderates = role === 'moderator' || role === 'owner';
  return { mayReact: true, mayEdit: isOwn, mayDelete: isOwn || moderates, mayPin: moderates };
}
