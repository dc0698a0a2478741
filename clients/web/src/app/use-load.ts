import { useCallback, useEffect, useRef, useState } from 'react';
import { messageOf } from './session.tsx';

export interface Loaded<T> {
  value: T | undefined;
  error: string | undefined;
  isLoading: boolean;
  reload(): void;
  set(value: T): void;
}

/** Something that is read as a whole. It is read anew whenever `load` is another one; what was there stays meanwhile. */
export function useLoad<T>(load: () => Promise<T>): Loaded<T> {
  const [value, set] = useState<T>();
  const [error, setError] = useState<string>();
  const [isLoading, setLoading] = useState(true);
  // An answer to an earlier question is not shown.
  const asked = useRef(0);

  const reload = useCallback(() => {
    asked.current += 1;
    const question = asked.current;
    setLoading(true);
    load().then(
      (answer) => {
        if (question !== asked.current) return;
        set(answer);
        setError(undefined);
        setLoading(false);
      },
      (failure: unknown) => {
        if (question !== asked.current) return;
        setError(messageOf(failure));
        setLoading(false);
      },
    );
  }, [load]);

  useEffect(() => {
    reload();
    return () => {
      asked.current += 1;
    };
  }, [reload]);

  return { value, error, isLoading, reload, set };
}
