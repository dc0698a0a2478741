import type { Room } from '@boltorezka/client';
import { useObservable, useTitle } from '../app/hooks.ts';
import { navigate } from '../app/router.ts';
import { Button } from '../ui/button.tsx';
import { Logo } from '../ui/logo.tsx';
import styles from './waiting-room.module.css';

/** In the lobby of a room: we come in by ourselves when somebody lets us in. */
export function WaitingRoom({ room }: { room: Room }) {
  const gateway = useObservable(room.gateway);
  useTitle(`Waiting · ${room.info.title}`);
  return (
    <main className={styles.page}>
      <Logo size={40} />
      <h1 className={styles.title}>{room.info.title}</h1>
      <p role="status" className={styles.text}>
        {gateway.state === 'open'
          ? 'You will be let in when a moderator sees that you are here. Stay on this page.'
          : 'The connection was lost. You wait on when it is back.'}
      </p>
      <Button variant="secondary" onPress={() => navigate('/')}>
        Leave
      </Button>
    </main>
  );
}
