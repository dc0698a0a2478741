import type { Session } from '@boltorezka/client';
import { useCallback } from 'react';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useLoad } from '../app/use-load.ts';
import { Button } from '../ui/button.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import styles from './account.module.css';
import { agentText } from './agent.ts';
import { Section } from './section.tsx';

/** Where one is signed in. */
export function SessionsSection() {
  const { value, error, isLoading, reload, set } = useLoad(useCallback(() => client.account.sessions(), []));
  const act = useAct();
  const end = async (session: Session) => {
    await client.account.endSession(session.id);
    set((value ?? []).filter((each) => each.id !== session.id));
  };
  const endOthers = async () => {
    await client.account.endOtherSessions();
    set((value ?? []).filter((each) => each.current));
  };
  const hasOthers = value?.some((session) => !session.current) ?? false;
  return (
    <Section title="Where you are signed in">
      <Records
        label="Sessions"
        items={value}
        error={error}
        isLoading={isLoading}
        onRetry={reload}
        keyOf={(session) => session.id}
        empty="Nowhere."
      >
        {(session) => (
          <RecordItem
            title={agentText(session.userAgent)}
            badges={session.current && <Badge kind="good">This one</Badge>}
            facts={[
              { label: 'Since', value: timeText(session.createdAt) },
              { label: 'Last used', value: timeText(session.lastSeenAt) },
              session.address === undefined ? undefined : { label: 'From', value: session.address },
            ]}
            actions={
              session.current ? undefined : (
                <Button
                  variant="secondary"
                  size="small"
                  aria-label={`Sign out ${agentText(session.userAgent)}, since ${timeText(session.createdAt)}`}
                  onPress={() => act(() => end(session), 'Signed out there.')}
                >
                  Sign out
                </Button>
              )
            }
          />
        )}
      </Records>
      {hasOthers && (
        <p className={styles.buttons} style={{ marginTop: 12 }}>
          <Button variant="secondary" onPress={() => act(endOthers, 'You are signed in only here.')}>
            Sign out everywhere else
          </Button>
        </p>
      )}
    </Section>
  );
}
