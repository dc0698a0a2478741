import type { Attachment } from '@boltorezka/client';

/** What the server lets a page show; all else it gives to be saved. */
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'];

export function isPicture({ type }: Attachment): boolean {
  return PICTURES.includes(type);
}
