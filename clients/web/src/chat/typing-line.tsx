import type { Chat } from '@boltorezka/client';
import { useEffect, useState } from 'react';
import { useEvent } from '../app/hooks.ts';
import styles from './chat-panel.module.css';
import { type Typist, typingText, withTypist } from './typing.ts';

/** Who is writing now. Silent: it comes and goes with each letter. */
export function TypingLine({ chat }: { chat: Chat }) {
  const [typists, setTypists] = useState<readonly Typist[]>([]);
  useEvent(chat, 'typing', ({ userId, displayName }) => {
    setTypists((known) => withTypist(known, { userId, name: displayName, atMs: Date.now() }));
  });
  useEvent(chat, 'message', ({ senderId }) => {
    setTypists((known) => known.filter(({ userId }) => userId !== senderId));
  });
  useEffect(() => {
    if (typists.length === 0) return;
    const timer = setInterval(() => setTypists((known) => withTypist(known, undefined, Date.now())), 1_000);
    return () => clearInterval(timer);
  }, [typists.length]);
  return <p className={styles.typing}>{typingText(typists)}</p>;
}
