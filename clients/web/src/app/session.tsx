import { Client, Gateway, type User } from '@boltorezka/client';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { unsubscribeBrowser } from '../push/browser.ts';

export const client = new Client();

export type SessionState =
  | { state: 'loading' }
  | { state: 'unreachable'; message: string }
  | { state: 'out' }
  | { state: 'in'; user: User };

interface Session {
  session: SessionState;
  /** After log-in, registration or set-up. */
  signedIn(user: User): void;
  signOut(): Promise<void>;
  /** The session ended on the server. */
  signedOut(): void;
  /** Asks the server again who we are. */
  reload(): void;
  /** The socket, opened when it is first needed. */
  gateway(): Gateway;
}

const SessionContext = createContext<Session | undefined>(undefined);

export function SessionProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<SessionState>({ state: 'loading' });
  const gateway = useRef<Gateway | undefined>(undefined);

  const closeGateway = useCallback(() => {
    gateway.current?.close();
    gateway.current = undefined;
  }, []);

  const reload = useCallback(() => {
    setSession({ state: 'loading' });
    client.me().then(
      (user) => setSession(user ? { state: 'in', user } : { state: 'out' }),
      (error: unknown) => setSession({ state: 'unreachable', message: messageOf(error) }),
    );
  }, []);

  useEffect(reload, [reload]);

  const value = useMemo<Session>(
    () => ({
      session,
      signedIn: (user) => {
        closeGateway();
        setSession({ state: 'in', user });
      },
      signOut: async () => {
        closeGateway();
        // Whoever signs in here next is somebody else.
        unsubscribeBrowser().catch(() => undefined);
        await client.logOut().catch(() => undefined);
        setSession({ state: 'out' });
      },
      signedOut: () => {
        closeGateway();
        setSession({ state: 'out' });
      },
      reload,
      gateway: () => {
        if (!gateway.current || gateway.current.state === 'closed') gateway.current = new Gateway(client);
        return gateway.current;
      },
    }),
    [session, closeGateway, reload],
  );
  return <SessionContext value={value}>{children}</SessionContext>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession is for use inside SessionProvider');
  return session;
}

/** The signed-in account; only for pages that are shown to one. */
export function useUser(): User {
  const { session } = useSession();
  if (session.state !== 'in') throw new Error('useUser is for use on pages behind the log-in');
  return session.user;
}

export function isAdmin(user: User): boolean {
  return user.role === 'admin' || user.role === 'super_admin';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something went wrong. Try again.';
}
