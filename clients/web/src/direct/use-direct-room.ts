import type { DirectRoom, Room } from '@boltorezka/client';
import { useCallback, useEffect } from 'react';
import { client } from '../app/session.tsx';
import { useLoad } from '../app/use-load.ts';

/** Pages of the list that are looked through for one room. */
const PAGES_MAX = 10;

/** What keeps the other one from writing may change meanwhile. */
const REFRESH_MS = 30_000;

/** How it is between the two of a direct room; nothing in other rooms. */
export function useDirectRoom({ slug, info: { kind } }: Room): { room: DirectRoom | undefined; reload(): void } {
  const load = useCallback(async () => (kind === 'direct' ? find(slug) : undefined), [slug, kind]);
  const { value, reload } = useLoad(load);
  useEffect(() => {
    if (kind !== 'direct') return;
    const timer = setInterval(reload, REFRESH_MS);
    return () => clearInterval(timer);
  }, [kind, reload]);
  return { room: value, reload };
}

async function find(slug: string): Promise<DirectRoom | undefined> {
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, nextCursor } = await client.direct.list(cursor === undefined ? {} : { cursor });
    const found = items.find(({ room }) => room === slug);
    if (found !== undefined || nextCursor === undefined) return found;
    cursor = nextCursor;
  }
  return undefined;
}
