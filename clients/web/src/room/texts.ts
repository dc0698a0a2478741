import type { MediaProblem, RoomEnd, RoomKind } from '@boltorezka/client';

/** What a person can do when a device cannot be used. */
export function deviceProblemText(device: 'microphone' | 'camera', problem: MediaProblem): string {
  const name = device === 'microphone' ? 'microphone' : 'camera';
  const others = device === 'microphone' ? 'You can take part and listen.' : 'Others will see your initials.';
  switch (problem) {
    case 'denied':
      return `The browser blocks the ${name}. Allow it in the site settings beside the address, then switch it on here. ${others}`;
    case 'absent':
      return `No ${name} was found. Connect one and switch it on here. ${others}`;
    case 'busy':
      return `The ${name} is in use by another program. Close that and switch it on here. ${others}`;
    case 'insecure':
      return `Browsers give the ${name} only to pages from https or from this computer. ${others}`;
    default:
      return `The ${name} could not be opened. Try another one under Devices. ${others}`;
  }
}

/** Why a stay in a room is over, and whether coming back makes sense. */
export function roomEndText(end: RoomEnd): { title: string; text: string; mayReturn: boolean } {
  switch (end.reason) {
    case 'kicked':
      return {
        title: 'You were removed',
        text: 'A moderator removed you from the room. You may come back.',
        mayReturn: true,
      };
    case 'banned':
      return { title: 'You were banned', text: 'A moderator removed you from the room for good.', mayReturn: false };
    case 'refused':
      return {
        title: 'You were not let in',
        text: 'A moderator did not let you in. You may ask again in a minute.',
        mayReturn: true,
      };
    case 'revoked':
    case 'forbidden':
      return { title: 'This room is not open to you', text: 'Your right to be here has ended.', mayReturn: false };
    case 'room_deleted':
    case 'not_found':
      return { title: 'The room is gone', text: 'Somebody deleted it.', mayReturn: false };
    case 'room_full':
      return {
        title: 'The room is full',
        text: 'All seats are taken. Try again when somebody has left.',
        mayReturn: true,
      };
    case 'feature_disabled':
      return { title: 'Switched off', text: 'This workspace does not have this kind of room now.', mayReturn: false };
    default:
      return {
        title: 'You are no longer in the room',
        text: end.message ?? 'The connection has ended.',
        mayReturn: true,
      };
  }
}

/** Why a call ended, for a short note; the person is still in the room. */
export function callEndText(reason: string): string {
  switch (reason) {
    case 'replaced':
      return 'You joined the call from another window or device, so it ended here.';
    case 'feature_disabled':
      return 'Calls were switched off in this workspace.';
    case 'left':
      return 'You left the call.';
    default:
      return 'The call ended. You can join it again.';
  }
}

/** Whether cameras and screens are shown in rooms of this kind. */
export function hasPictures(kind: RoomKind): boolean {
  return kind === 'video' || kind === 'direct';
}
