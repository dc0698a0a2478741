import { BoltorezkaError, type Room, type Waiting } from '@boltorezka/client';
import { useRef } from 'react';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import panel from './people-panel.module.css';
import styles from './waiting-list.module.css';

/** Who waits in the lobby, for those who may let them in. */
export function WaitingList({ room }: { room: Room }) {
  const act = useAct();
  const heading = useRef<HTMLHeadingElement>(null);
  const { slug, lobby } = room;
  if (lobby.length === 0) return null;

  const decide = (action: () => Promise<void>, done: string) => {
    act(() => action().catch(unlessDecided), done);
    // The button that was pressed goes away with its person.
    heading.current?.focus();
  };
  const title = `Waiting · ${lobby.length}`;
  return (
    <section aria-label={title}>
      <div className={styles.header}>
        <h3 ref={heading} tabIndex={-1} className={panel.heading}>
          {title}
        </h3>
        {lobby.length > 1 && (
          <Button
            variant="quiet"
            size="small"
            onPress={() => decide(() => client.lobbies.admitAll(slug), 'All were let in.')}
          >
            Admit all
          </Button>
        )}
      </div>
      <ul>
        {lobby.map((waiting) => (
          <Person key={waiting.userId} slug={slug} waiting={waiting} decide={decide} />
        ))}
      </ul>
    </section>
  );
}

interface PersonProps {
  slug: string;
  waiting: Waiting;
  decide(action: () => Promise<void>, done: string): void;
}

function Person({ slug, waiting: { userId, displayName }, decide }: PersonProps) {
  return (
    <li className={`${panel.person} ${styles.person}`}>
      <Avatar name={displayName} userId={userId} />
      <span className={panel.names}>
        <span className={panel.name}>{displayName}</span>
      </span>
      <span className={styles.actions}>
        <Button
          size="small"
          aria-label={`Admit ${displayName}`}
          onPress={() => decide(() => client.lobbies.admit(slug, userId), `${displayName} was let in.`)}
        >
          Admit
        </Button>
        <Button
          variant="secondary"
          size="small"
          aria-label={`Refuse ${displayName}`}
          onPress={() => decide(() => client.lobbies.refuse(slug, userId), `${displayName} was refused.`)}
        >
          Refuse
        </Button>
      </span>
    </li>
  );
}

/** What another moderator decided a moment before is said in words of its own. */
function unlessDecided(error: unknown): never {
  if (error instanceof BoltorezkaError && (error.code === 'conflict' || error.code === 'not_found')) {
    throw new BoltorezkaError(error.code, 'Somebody else decided already, or they left.');
  }
  throw error;
}
