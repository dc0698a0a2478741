import type { Ringing } from '@boltorezka/client';
import { Phone, PhoneOff } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import { useAnnounce } from '../app/announcer.tsx';
import { useEvent } from '../app/hooks.ts';
import { navigate, roomPath } from '../app/router.ts';
import { client, useUser } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useGateway } from '../app/use-gateway.ts';
import { useLoad } from '../app/use-load.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import styles from './incoming-calls.module.css';
import { afterMessage, answerCall, stillRinging } from './ringing.ts';

/** Direct rooms that are looked at for a call that rang before the socket was there: the newest. */
const LOOKED_AT = 20;

/** Who calls us, on whatever page we are: a bar for each call, which takes no focus and can be reached by keyboard. */
export function IncomingCalls() {
  const { id: userId } = useUser();
  const announce = useAnnounce();
  const [calls, setCalls] = useState<readonly Ringing[]>([]);
  const load = useCallback(async () => {
    const { items } = await client.direct.list({ limit: LOOKED_AT });
    setCalls(items.flatMap(({ ringing }) => (ringing !== undefined && ringing.callerId !== userId ? [ringing] : [])));
    return true;
  }, [userId]);
  const { value: isAllowed, reload } = useLoad(load);
  const gateway = useGateway(isAllowed === true);
  useEvent(gateway, 'message', (message) => {
    if (message.type === 'call.ringing') announce(`${message.payload.ringing.callerName} calls you`);
    setCalls((known) => afterMessage(known, message));
  });
  // What rang while there was no socket was told to nobody.
  useEvent(gateway, 'ready', () => reload());

  useEffect(() => {
    if (calls.length === 0) return;
    const timer = setInterval(() => setCalls((known) => stillRinging(known, Date.now())), 1_000);
    return () => clearInterval(timer);
  }, [calls.length]);

  if (calls.length === 0) return null;
  return (
    <section className={styles.region} aria-label="Incoming calls">
      {calls.map((call) => (
        <Call key={call.callId} call={call} />
      ))}
    </section>
  );
}

function Call({ call: { room, callerId, callerName } }: { call: Ringing }) {
  const act = useAct();
  const answer = () => {
    answerCall(room);
    navigate(roomPath(room));
  };
  return (
    <div className={styles.call}>
      <Avatar name={callerName} userId={callerId} size={36} />
      <p className={styles.who}>{callerName} calls you</p>
      <Button size="small" aria-label={`Answer ${callerName}`} onPress={answer}>
        <Phone size={15} />
        Answer
      </Button>
      <Button
        size="small"
        variant="danger"
        aria-label={`Decline ${callerName}`}
        onPress={() => act(() => client.direct.decline(room))}
      >
        <PhoneOff size={15} />
        Decline
      </Button>
    </div>
  );
}
