import { expect, test } from 'vitest';
import { emptyPaged, type PagedEvent, type PagedState, pagedReducer } from './paged-state.ts';

function after(...events: PagedEvent<number>[]): PagedState<number> {
  return events.reduce(pagedReducer<number>, emptyPaged<number>());
}

const first: PagedEvent<number> = { type: 'came', isFirst: true, page: { items: [1, 2], nextCursor: 'c' } };
const second: PagedEvent<number> = { type: 'came', isFirst: false, page: { items: [3] } };

test('pages follow each other until there is none', () => {
  expect(after(first)).toEqual({ items: [1, 2], cursor: 'c', error: undefined, isLoading: false });
  expect(after(first, second)).toEqual({ items: [1, 2, 3], cursor: undefined, error: undefined, isLoading: false });
});

test('a list that is read again begins anew, and shows what it had until then', () => {
  const asked = after(first, second, { type: 'asked', isFirst: true });
  expect(asked).toMatchObject({ items: [1, 2, 3], isLoading: true });
  expect(pagedReducer(asked, first).items).toEqual([1, 2]);
});

test('a failure takes nothing away, and goes with the next try', () => {
  const failed = after(first, { type: 'failed', message: 'No.' });
  expect(failed).toMatchObject({ items: [1, 2], cursor: 'c', error: 'No.', isLoading: false });
  expect(pagedReducer(failed, { type: 'asked', isFirst: false }).error).toBeUndefined();
});

test('before the first page there is nothing to change', () => {
  const change: PagedEvent<number> = { type: 'changed', change: (items) => items.map((item) => item * 2) };
  expect(after(change).items).toBeUndefined();
  expect(after(first, change).items).toEqual([2, 4]);
});
