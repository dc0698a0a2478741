import { codeOf } from '@boltorezka/client';
import { messageOf } from '../app/session.tsx';
import { sizeText } from './sizes.ts';

/** Why a file was not taken. */
export interface UploadRefusal {
  /** For people. */
  error: string;
  /** Whether the same file may be taken another time. */
  mayRetry: boolean;
}

export function uploadRefusal(error: unknown, file: { size: number }): UploadRefusal {
  switch (codeOf(error)) {
    case 'too_large':
      return { error: `${sizeText(file.size)} is too large for this server. Choose a smaller file.`, mayRetry: false };
    case 'rate_limited':
      return { error: 'Too many files at once. Wait a little, then try again.', mayRetry: true };
    case 'malformed':
    case 'unsupported_media_type':
      return { error: sentence(messageOf(error)), mayRetry: false };
    default:
      return { error: sentence(messageOf(error)), mayRetry: true };
  }
}

/** The server's reasons begin small. */
function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
