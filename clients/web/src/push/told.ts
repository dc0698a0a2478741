import type { Notification as InboxEntry, PushNotice, Ringing } from '@boltorezka/client';

/** The workspace whose rooms the pages show. The worker has its own word of it: it shares no code with the page. */
const SHOWN_WORKSPACE = 'default';

/** What a page is told over the socket, as a notice: for a page that nobody looks at. */
export function noticeOf(entry: InboxEntry): PushNotice | undefined {
  const { id, kind, message, call, createdAt } = entry;
  const workspace = SHOWN_WORKSPACE;
  if (call !== undefined) {
    return {
      type: 'missedCall',
      workspace,
      room: call.room,
      notificationId: id,
      callerName: call.callerName,
      at: createdAt,
    };
  }
  if (message === undefined) return undefined;
  const { room, senderName, text = '' } = message;
  return {
    type: 'message',
    workspace,
    room,
    roomTitle: room,
    notificationId: id,
    kind,
    senderName,
    text,
    at: createdAt,
  };
}

export function noticeOfRinging({ room, callId, callerName, endsAt }: Ringing): PushNotice {
  return { type: 'ringing', workspace: SHOWN_WORKSPACE, room, callId, callerName, endsAt };
}
