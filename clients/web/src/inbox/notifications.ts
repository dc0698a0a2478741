import type { Notification } from '@boltorezka/client';

/** A list that is newest first, with one that was told; ids grow with time. */
export function withTold(items: readonly Notification[], told: Notification): readonly Notification[] {
  const others = items.filter(({ id }) => id !== told.id);
  return [...others, told].sort((a, b) => (a.id < b.id ? 1 : -1));
}

/** All of them as read. */
export function asRead(items: readonly Notification[], readAt: string): readonly Notification[] {
  return items.map((item) => (item.readAt === undefined ? { ...item, readAt } : item));
}

/** What happened. */
export function titleOf({ kind, message, call }: Notification): string {
  if (call !== undefined) return `${call.callerName} called you`;
  const name = message?.senderName ?? '';
  if (kind === 'direct') return `${name} wrote to you`;
  return kind === 'mention' ? `${name} mentioned you` : `${name} answered you`;
}

/** The room that it is about. */
export function roomOf({ message, call }: Notification): string {
  return message?.room ?? call?.room ?? '';
}

/** Where it was, in words. */
export function placeOf(notification: Notification): string {
  if (notification.call !== undefined) return 'Missed call';
  return notification.kind === 'direct' ? 'Direct message' : roomOf(notification);
}

/** How many are not read, as the server counts: to 100. */
export function countText(unreadCount: number): string {
  return unreadCount > 99 ? '99+' : String(unreadCount);
}
