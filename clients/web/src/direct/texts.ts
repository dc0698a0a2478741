import type { DirectRoom } from '@boltorezka/client';

/** What is said below somebody's name. */
export function stateText(state: DirectRoom['state'], isRinging: boolean): string {
  if (isRinging) return 'A call rings';
  switch (state) {
    case 'refusing':
      return 'You take no messages';
    case 'refused':
      return 'Takes no messages of yours';
    case 'gone':
      return 'Not here any more';
    default:
      return '';
  }
}
