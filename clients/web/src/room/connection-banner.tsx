import type { Room } from '@boltorezka/client';
import { useEffect, useState } from 'react';
import { useObservable } from '../app/hooks.ts';
import { Button } from '../ui/button.tsx';
import styles from './room-view.module.css';

/** A reconnect that takes no longer than this needs no words. */
const QUIET_MS = 800;

/** Tells when the connection is lost, and what still works. */
export function ConnectionBanner({ room }: { room: Room }) {
  useObservable(room);
  const call = useObservable(room.call);
  const output = useObservable(call.output);
  const text = bannerText(room);
  const isLate = useLate(text !== undefined);
  return (
    <div role="status">
      {text !== undefined && isLate && <p className={styles.banner}>{text}</p>}
      {output.blocked && call.state !== 'idle' && (
        <p className={styles.banner}>
          The browser blocks the sound of this page.
          <Button size="small" onPress={() => output.resume()}>
            Play sound
          </Button>
        </p>
      )}
    </div>
  );
}

function bannerText(room: Room): string | undefined {
  if (room.call.state === 'reconnecting') return 'Reconnecting… Others cannot see or hear you right now.';
  if (room.state === 'joined' || room.state === 'ended') return undefined;
  return room.call.state === 'connected'
    ? 'Reconnecting… The call goes on; messages are sent later.'
    : 'Reconnecting… Messages are sent later.';
}

function useLate(isOn: boolean): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isOn) return;
    const timer = setTimeout(() => setLate(true), QUIET_MS);
    return () => {
      clearTimeout(timer);
      setLate(false);
    };
  }, [isOn]);
  return isLate;
}
