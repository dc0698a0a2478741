import type { Message, RoomRole } from '@boltorezka/client';

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

export function messageRights(message: Message, userId: string, role: RoomRole | undefined): MessageRights {
  if (message.deletedAt !== undefined || role === undefined) return NONE;
  const isOwn = message.senderId === userId;
  if (role === 'listener') return { ...NONE, mayReport: !isOwn };
  const moderates = role === 'moderator' || role === 'owner';
  return {
    mayReact: true,
    mayReply: true,
    mayReport: !isOwn,
    mayEdit: isOwn,
    mayDelete: isOwn || moderates,
    mayPin: moderates,
  };
}
