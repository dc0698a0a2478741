import type { DirectRoom } from '@boltorezka/client';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Button } from '../ui/button.tsx';
import styles from './direct-notice.module.css';
import { stateText } from './texts.ts';

/** How it is between the two, and the way to take no messages of the other one. */
export function DirectNotice({ room: { user, state }, onChange }: { room: DirectRoom; onChange(): void }) {
  const act = useAct();
  const isRefusing = state === 'refusing';
  const change = async () => {
    await (isRefusing ? client.direct.unblock(user.id) : client.direct.block(user.id));
    onChange();
  };
  return (
    <div className={styles.notice}>
      <p role="status">{stateText(state, false)}</p>
      <Button size="small" variant="quiet" onPress={() => act(change)}>
        {isRefusing ? 'Take messages again' : 'Take no messages'}
      </Button>
    </div>
  );
}
