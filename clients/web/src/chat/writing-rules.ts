import type { RoomInfo, RoomRole } from '@boltorezka/client';
import { type Granted, NOTHING_GRANTED } from '../app/granted.ts';

/** What a room lets somebody write. The server decides; this is what is said beforehand. */
export interface WritingRules {
  mayWrite: boolean;
  /** What is said where the message is written, or would be. */
  notice?: string;
}

/** `granted` adds to the role. */
export function writingRules(
  info: RoomInfo,
  role: RoomRole | undefined,
  granted: Granted = NOTHING_GRANTED,
): WritingRules {
  if (role === 'listener' && !granted.has('chat.message.send'))
    return { mayWrite: false, notice: 'You can read along here, but not write.' };
  if (role === 'moderator' || role === 'owner' || granted.has('chat.message.send_unrestrained'))
    return { mayWrite: true };
  if (info.readOnly) return { mayWrite: false, notice: 'This room is read-only: moderators write here.' };
  if (info.slowModeS === undefined) return { mayWrite: true };
  return { mayWrite: true, notice: `Slow mode: one message each ${duration(info.slowModeS)}.` };
}

function duration(seconds: number): string {
  if (seconds % 3600 === 0) return seconds === 3600 ? 'hour' : `${seconds / 3600} hours`;
  if (seconds % 60 === 0) return seconds === 60 ? 'minute' : `${seconds / 60} minutes`;
  return seconds === 1 ? 'second' : `${seconds} seconds`;
}
