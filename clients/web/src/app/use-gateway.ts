import type { Gateway } from '@boltorezka/client';
import { useEffect, useState } from 'react';
import { useSession } from './session.tsx';

/** The socket, once the server has shown that this account may have one. */
export function useGateway(isAllowed: boolean): Gateway | undefined {
  const { gateway } = useSession();
  const [socket, setSocket] = useState<Gateway>();
  useEffect(() => {
    if (isAllowed) setSocket(gateway());
  }, [isAllowed, gateway]);
  return socket;
}
