import type { Message } from '@boltorezka/client';

/** Messages of one person within this time are shown under one name. */
const GROUP_MS = 5 * 60_000;

/** Successive messages of one person. */
export interface MessageGroup {
  key: string;
  senderId: string;
  senderName: string;
  startedAt: Date;
  /** Whether a new day begins here. */
  isNewDay: boolean;
  messages: Message[];
}

export function messageGroups(messages: readonly Message[]): MessageGroup[] {
  const groups: MessageGroup[] = [];
  let last: MessageGroup | undefined;
  for (const message of messages) {
    const at = new Date(message.createdAt);
    const isNewDay = last === undefined || at.toDateString() !== last.startedAt.toDateString();
    const continues =
      last !== undefined &&
      !isNewDay &&
      last.senderId === message.senderId &&
      at.getTime() - last.startedAt.getTime() < GROUP_MS;
    if (last !== undefined && continues) {
      last.messages.push(message);
    } else {
      const { id, senderId, senderName } = message;
      last = { key: id, senderId, senderName, startedAt: at, isNewDay, messages: [message] };
      groups.push(last);
    }
  }
  return groups;
}
