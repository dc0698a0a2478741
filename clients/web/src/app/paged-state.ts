import type { Page } from '@boltorezka/client';

export interface PagedState<T> {
  /** Absent until the first page came. */
  items: readonly T[] | undefined;
  /** Where the next page begins, if there is one. */
  cursor: string | undefined;
  error: string | undefined;
  isLoading: boolean;
}

export type PagedEvent<T> =
  | { type: 'asked'; isFirst: boolean }
  | { type: 'came'; isFirst: boolean; page: Page<T> }
  | { type: 'failed'; message: string }
  | { type: 'changed'; change(items: readonly T[]): readonly T[] };

export function emptyPaged<T>(): PagedState<T> {
  return { items: undefined, cursor: undefined, error: undefined, isLoading: true };
}

/** What a list is after something happened to it. What was there stays while something else is on its way. */
export function pagedReducer<T>(state: PagedState<T>, event: PagedEvent<T>): PagedState<T> {
  switch (event.type) {
    case 'asked':
      return { ...state, isLoading: true, error: undefined };
    case 'came': {
      const before = event.isFirst ? [] : (state.items ?? []);
      return {
        items: [...before, ...event.page.items],
        cursor: event.page.nextCursor,
        error: undefined,
        isLoading: false,
      };
    }
    case 'failed':
      return { ...state, error: event.message, isLoading: false };
    case 'changed':
      return state.items === undefined ? state : { ...state, items: event.change(state.items) };
  }
}
