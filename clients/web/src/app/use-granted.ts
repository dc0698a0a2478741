import { createContext, useCallback, useContext } from 'react';
import { type Granted, NOTHING_GRANTED } from './granted.ts';
import { client } from './session.tsx';
import { useLoad } from './use-load.ts';

/** The workspace that these pages show. */
const WORKSPACE = 'default';

/** What one has, for the parts of a page. */
export const GrantedContext = createContext<Granted>(NOTHING_GRANTED);

export function useGranted(): Granted {
  return useContext(GrantedContext);
}

/** What one has as of now, and nothing until that is known. The server decides; this is so that it is offered. */
export function useLoadedGranted(): Granted {
  const load = useCallback(async () => new Set((await client.workspaces.get(WORKSPACE)).myGrantedPermissions), []);
  return useLoad<Granted>(load).value ?? NOTHING_GRANTED;
}
