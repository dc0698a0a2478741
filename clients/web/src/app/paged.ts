import type { Page, PageOptions } from '@boltorezka/client';
import { useCallback, useEffect, useReducer, useRef } from 'react';
import { emptyPaged, pagedReducer } from './paged-state.ts';
import { messageOf } from './session.tsx';

/** Items that are asked for at a time. */
const PAGE_SIZE = 50;

export interface Paged<T> {
  items: readonly T[] | undefined;
  error: string | undefined;
  isLoading: boolean;
  hasMore: boolean;
  onMore(): void;
  onRetry(): void;
  /** From the first page on. */
  reload(): void;
  change(change: (items: readonly T[]) => readonly T[]): void;
}

/** A list that comes in pages. It begins anew whenever `load` is another one. */
export function usePaged<T>(load: (page: PageOptions) => Promise<Page<T>>): Paged<T> {
  const [state, dispatch] = useReducer(pagedReducer<T>, undefined, emptyPaged<T>);
  // An answer to an earlier question is not shown.
  const asked = useRef(0);

  const ask = useCallback(
    async (cursor: string | undefined) => {
      asked.current += 1;
      const question = asked.current;
      const isFirst = cursor === undefined;
      dispatch({ type: 'asked', isFirst });
      try {
        const page = await load(isFirst ? { limit: PAGE_SIZE } : { cursor, limit: PAGE_SIZE });
        if (question === asked.current) dispatch({ type: 'came', isFirst, page });
      } catch (failure) {
        if (question === asked.current) dispatch({ type: 'failed', message: messageOf(failure) });
      }
    },
    [load],
  );

  useEffect(() => {
    void ask(undefined);
    return () => {
      asked.current += 1;
    };
  }, [ask]);

  const { items, cursor, error, isLoading } = state;
  return {
    items,
    error,
    isLoading,
    hasMore: cursor !== undefined,
    onMore: () => {
      if (!isLoading) void ask(cursor);
    },
    onRetry: () => void ask(items === undefined ? undefined : cursor),
    reload: () => void ask(undefined),
    change: (change) => dispatch({ type: 'changed', change }),
  };
}
