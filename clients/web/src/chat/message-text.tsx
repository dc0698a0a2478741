import { linkify } from './linkify.ts';

/** A message's text with its links. Nothing in it is ever taken as markup. */
export function MessageText({ text }: { text: string }) {
  let at = 0;
  return linkify(text).map((part) => {
    const key = at;
    at += part.text.length;
    if (!('href' in part)) return <span key={key}>{part.text}</span>;
    return (
      <a key={key} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
        {part.text}
      </a>
    );
  });
}
