import type { Chat } from '@boltorezka/client';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useEvent } from '../app/hooks.ts';

/** So near to the end counts as being there. */
const NEAR_END_PX = 48;

/** History is loaded before its beginning is reached. */
const LOAD_MARGIN_PX = 240;

/**
 * Keeps a message list where its reader wants it: at the end, following what comes, or at the message that is being
 * read while older ones are put in above.
 */
export function useChatScroll(chat: Chat) {
  const list = useRef<HTMLDivElement>(null);
  const top = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  /** Distance from the end, which stays the same when something is put in above. */
  const fromEnd = useRef(0);
  const firstId = useRef<string | undefined>(undefined);
  const [missed, setMissed] = useState(0);

  const toEnd = useCallback(() => {
    isAtEnd.current = true;
    setMissed(0);
    const element = list.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);

  const onScroll = useCallback(() => {
    const element = list.current;
    if (!element) return;
    fromEnd.current = element.scrollHeight - element.scrollTop;
    isAtEnd.current = fromEnd.current - element.clientHeight < NEAR_END_PX;
    if (isAtEnd.current) setMissed(0);
  }, []);

  useEvent(chat, 'message', () => {
    if (!isAtEnd.current) setMissed((count) => count + 1);
  });

  const { messages, pending } = chat;
  const ownCount = pending.length;
  const lastOwnCount = useRef(ownCount);
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const first = messages[0]?.id;
    const grewAbove = firstId.current !== undefined && first !== firstId.current;
    const wrote = ownCount > lastOwnCount.current;
    firstId.current = first;
    lastOwnCount.current = ownCount;
    if (isAtEnd.current || wrote) toEnd();
    else if (grewAbove) element.scrollTop = element.scrollHeight - fromEnd.current;
  }, [messages, ownCount, toEnd]);

  useEffect(() => {
    const element = list.current;
    if (!element) return;
    // The composer grows, a phone's keyboard opens: who was at the end stays there.
    const observer = new ResizeObserver(() => {
      if (isAtEnd.current) toEnd();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [toEnd]);

  // A page that did not fill the list leaves its top in view: look again after each.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `messages` is there to run it again
  useEffect(() => {
    if (!top.current) return;
    const options = { root: list.current, rootMargin: `${LOAD_MARGIN_PX}px 0px 0px` };
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting && chat.isLoaded && !chat.loadError) void chat.loadMore();
    }, options);
    observer.observe(top.current);
    return () => observer.disconnect();
  }, [chat, messages]);

  return { list, top, missed, toEnd, onScroll };
}
