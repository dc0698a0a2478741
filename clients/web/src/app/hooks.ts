import type { Emitter } from '@boltorezka/client';
import { type RefObject, useEffect, useEffectEvent, useState, useSyncExternalStore } from 'react';

/** What `useObservable` needs of a room, a call, …. */
interface Watchable {
  readonly version: number;
  on(name: 'change', listener: () => void): () => void;
}

/** Renders again whenever `observable` changes, and returns it. */
export function useObservable<T extends Watchable>(observable: T): T {
  useSyncExternalStore(
    (listener) => observable.on('change', listener),
    () => observable.version,
  );
  return observable;
}

/** Calls `listener`, always the latest one, at each event. */
export function useEvent<Events extends object, Name extends keyof Events>(
  emitter: Emitter<Events> | undefined,
  name: Name,
  listener: (event: Events[Name]) => void,
): void {
  const latest = useEffectEvent(listener);
  useEffect(() => emitter?.on(name, (event) => latest(event)), [emitter, name]);
}

/** The inner size of an element in CSS pixels; zero before it is known. */
export function useSize(ref: RefObject<HTMLElement | null>): { width: number; height: number } {
  const [size, setSize] = useState({ width: 0, height: 0 });
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return size;
}

export function useMediaQuery(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = matchMedia(query);
      list.addEventListener('change', listener);
      return () => list.removeEventListener('change', listener);
    },
    () => matchMedia(query).matches,
  );
}

/** Narrower than this the page is laid out for a phone. */
export function useIsNarrow(): boolean {
  return useMediaQuery('(max-width: 767px)');
}

/** The page's title while the component is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === '' ? 'Boltorezka' : `${title} · Boltorezka`;
  }, [title]);
}
