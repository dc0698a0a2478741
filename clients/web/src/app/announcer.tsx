import { createContext, type ReactNode, useCallback, useContext, useRef, useState } from 'react';

type Announce = (text: string) => void;

const AnnouncerContext = createContext<Announce>(() => undefined);

/** Tells screen readers what happens without moving the focus: who came, who went, what was said. */
export function AnnouncerProvider({ children }: { children: ReactNode }) {
  const [lines, setLines] = useState<{ id: number; text: string }[]>([]);
  const lastId = useRef(0);
  const announce = useCallback((text: string) => {
    lastId.current += 1;
    const id = lastId.current;
    // Some lines are kept: a reader that is slow must not miss the one before.
    setLines((before) => [...before.slice(-4), { id, text }]);
  }, []);
  return (
    <AnnouncerContext value={announce}>
      {children}
      <div className="visually-hidden" role="status" aria-live="polite" aria-relevant="additions">
        {lines.map((line) => (
          <p key={line.id}>{line.text}</p>
        ))}
      </div>
    </AnnouncerContext>
  );
}

export function useAnnounce(): Announce {
  return useContext(AnnouncerContext);
}
