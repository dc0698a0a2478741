import type { PushNotice } from '@boltorezka/client';

/** The workspace whose rooms the pages show. */
const SHOWN_WORKSPACE = 'default';

export interface Shown {
  title: string;
  /** What `showNotification` is given. One with the same tag takes the place of the one before. */
  options: {
    body: string;
    tag: string;
    icon: string;
    lang: string;
    timestamp: number;
    renotify: boolean;
    requireInteraction: boolean;
    data: { path: string };
  };
}

/** What the system shows of a notice: one for each room, and one for its calls. */
export function shownOf(notice: PushNotice): Shown {
  const { workspace, room } = notice;
  const path = workspace === SHOWN_WORKSPACE ? `/rooms/${encodeURIComponent(room)}` : '/';
  const shown = (title: string, body: string, about: string, at: string, stays = false): Shown => ({
    title,
    options: {
      body,
      tag: `${about}:${workspace}/${room}`,
      icon: '/icon.svg',
      lang: 'en',
      timestamp: Date.parse(at),
      renotify: true,
      requireInteraction: stays,
      data: { path },
    },
  });
  switch (notice.type) {
    case 'message':
      return shown(titleOf(notice), notice.text === '' ? 'A file' : notice.text, 'message', notice.at);
    case 'ringing':
      return shown(`${notice.callerName} calls you`, 'Open to answer.', 'call', new Date().toISOString(), true);
    case 'missedCall':
      return shown(`${notice.callerName} called you`, 'You missed the call.', 'call', notice.at);
  }
}

function titleOf({ kind, senderName, roomTitle }: Extract<PushNotice, { type: 'message' }>): string {
  if (kind === 'direct') return senderName;
  return kind === 'reply'
    ? `${senderName} answered you in ${roomTitle}`
    : `${senderName} mentioned you in ${roomTitle}`;
}

/** Whether it is a notice that this version understands. */
export function isNotice(value: unknown): value is PushNotice {
  if (typeof value !== 'object' || value === null) return false;
  const { type, workspace, room } = value as Record<string, unknown>;
  const isKnown = type === 'message' || type === 'ringing' || type === 'missedCall';
  return isKnown && typeof workspace === 'string' && typeof room === 'string';
}
