import { createContext, useContext, useSyncExternalStore } from 'react';
import { SECTIONS, type Section } from '../admin/section-names.ts';

export type Route =
  | { page: 'rooms' }
  | { page: 'setup'; token: string }
  | { page: 'login'; next: string; oidcError?: string; isSecondFactor?: true }
  | { page: 'register'; invite: string }
  | { page: 'forgot' }
  | { page: 'reset'; token: string }
  | { page: 'verify'; token: string }
  | { page: 'account'; oidcError?: string }
  | { page: 'admin'; section: Section; workspace?: string }
  | { page: 'room'; slug: string }
  | { page: 'unknown' };

/** The page that an address names. */
export function routeOf(pathname: string, search: string): Route {
  const params = new URLSearchParams(search);
  const parts = pathname.split('/').filter((part) => part !== '');
  const [first, second, ...rest] = parts;
  if (first === undefined) return { page: 'rooms' };
  if (first === 'setup' && second === undefined) return { page: 'setup', token: params.get('token') ?? '' };
  if (first === 'login' && second === undefined) return loginRoute(params);
  if (first === 'register' && second === undefined) return { page: 'register', invite: params.get('invite') ?? '' };
  if (first === 'forgot' && second === undefined) return { page: 'forgot' };
  if (first === 'reset' && second === undefined) return { page: 'reset', token: params.get('token') ?? '' };
  if (first === 'verify' && second === undefined) return { page: 'verify', token: params.get('token') ?? '' };
  if (first === 'account' && second === undefined) return { page: 'account', ...oidcError(params) };
  if (first === 'users' && second === undefined) return { page: 'admin', section: 'people' };
  if (first === 'admin') return adminRoute(second, rest);
  if (first === 'rooms' && second === undefined) return { page: 'rooms' };
  if (first === 'rooms' && second !== undefined && rest.length === 0) {
    return { page: 'room', slug: decoded(second) };
  }
  return { page: 'unknown' };
}

/** A sign-in by a provider comes back here when something is missing or went wrong. */
function loginRoute(params: URLSearchParams): Route {
  const next = safeNext(params.get('next'));
  if (params.get('oidc') === 'second_factor') return { page: 'login', next, isSecondFactor: true };
  return { page: 'login', next, ...oidcError(params) };
}

function oidcError(params: URLSearchParams): { oidcError?: string } {
  const error = params.get('oidcError');
  return error === null ? {} : { oidcError: error };
}

function adminRoute(name: string | undefined, rest: string[]): Route {
  const section = name === undefined ? 'people' : SECTIONS.find((each) => each === name);
  const [workspace] = rest;
  if (section === 'workspaces' && workspace !== undefined && rest.length === 1) {
    return { page: 'admin', section, workspace: decoded(workspace) };
  }
  return section === undefined || rest.length > 0 ? { page: 'unknown' } : { page: 'admin', section };
}

export function roomPath(slug: string): string {
  return `/rooms/${encodeURIComponent(slug)}`;
}

/** The log-in page, which goes on to `next` afterwards. */
export function loginPath(next: string): string {
  return next === '/' ? '/login' : `/login?next=${encodeURIComponent(next)}`;
}

/** Only a path of this site: an address from outside must not be gone to. */
function safeNext(next: string | null): string {
  if (next === null || !/^\/(?![/\\])/.test(next) || next.startsWith('/login')) return '/';
  return next;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const listeners = new Set<() => void>();

/** Goes to another page of this site. */
export function navigate(path: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', path);
  else history.pushState(null, '', path);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

/** The current address as `path?query`. */
export function useLocation(): string {
  return useSyncExternalStore(subscribe, () => location.pathname + location.search);
}

export const RouteContext = createContext<Route>({ page: 'rooms' });

export function useRoute(): Route {
  return useContext(RouteContext);
}
