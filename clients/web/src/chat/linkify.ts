export type TextPart = { text: string } | { text: string; href: string };

/** Web addresses only: no other scheme becomes a link. */
const LINK = /https?:\/\/[^\s<>"']+/giu;

/** Splits a message into plain text and links. Punctuation at the end of a link belongs to the sentence. */
export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    const link = trimmed(match[0]);
    const href = safeHref(link);
    if (href === undefined) continue;
    if (match.index > at) parts.push({ text: text.slice(at, match.index) });
    parts.push({ text: link, href });
    at = match.index + link.length;
  }
  if (at < text.length) parts.push({ text: text.slice(at) });
  return parts;
}

function trimmed(link: string): string {
  let end = link.replace(/[.,;:!?…]+$/u, '');
  // A closing bracket belongs to the link only when it was opened there.
  while (end.endsWith(')') && count(end, ')') > count(end, '(')) end = end.slice(0, -1).replace(/[.,;:!?…]+$/u, '');
  return end;
}

function count(text: string, char: string): number {
  return text.split(char).length - 1;
}

function safeHref(link: string): string | undefined {
  try {
    const url = new URL(link);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : undefined;
  } catch {
    return undefined;
  }
}
