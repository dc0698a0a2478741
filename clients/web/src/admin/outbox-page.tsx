import type { DeadLetter, OutboxEvent } from '@boltorezka/client';
import { RefreshCw, RotateCcw } from 'lucide-react';
import { useCallback } from 'react';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Button } from '../ui/button.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import { AdminFrame } from './admin-frame.tsx';
import styles from './admin-page.module.css';
import { countText } from './texts.ts';

const TOPICS: Record<OutboxEvent['topic'], string> = { media: 'To the media node', gateway: 'To sockets' };

/** What is not told yet, and what webhooks are told no more. */
export function OutboxPage() {
  const waiting = usePaged(useCallback((page) => client.admin.outbox(page), []));
  const dead = usePaged(useCallback((page) => client.admin.deadLetters(page), []));
  const act = useAct();
  const replay = async ({ workspace, webhookId }: DeadLetter) => {
    await client.admin.replayWebhook(workspace, webhookId);
    dead.change((letters) => letters.filter((letter) => letter.webhookId !== webhookId));
  };
  const reload = () => {
    waiting.reload();
    dead.reload();
  };
  return (
    <AdminFrame
      section="outbox"
      actions={
        <Button variant="secondary" isBusy={waiting.isLoading || dead.isLoading} onPress={reload}>
          <RefreshCw size={16} />
          Refresh
        </Button>
      }
    >
      <section aria-labelledby="waiting" className={styles.part}>
        <h2 id="waiting">Not told yet</h2>
        <Records
          label="Not told yet"
          {...waiting}
          keyOf={(event) => event.id}
          empty="Everybody was told of everything."
        >
          {(event) => (
            <RecordItem
              title={event.type}
              badges={<Badge>{TOPICS[event.topic]}</Badge>}
              facts={[
                { label: 'Number', value: event.id },
                { label: 'Workspace', value: event.workspace ?? 'deleted' },
                { label: 'Since', value: timeText(event.createdAt) },
              ]}
            />
          )}
        </Records>
      </section>
      <section aria-labelledby="dead-letters" className={styles.part}>
        <h2 id="dead-letters">Dead letters</h2>
        <Records
          label="Dead letters"
          {...dead}
          keyOf={(letter) => `${letter.webhookId} ${letter.eventId}`}
          empty="Every webhook was told, or is still tried."
        >
          {(letter) => (
            <RecordItem
              title={letter.type}
              text={letter.url}
              badges={<Badge kind="danger">{countText(letter.attempts, 'try', 'tries')}</Badge>}
              facts={[
                { label: 'Workspace', value: letter.workspace },
                { label: 'Of', value: timeText(letter.createdAt) },
                letter.lastError === undefined ? undefined : { label: 'Last error', value: letter.lastError },
              ]}
              actions={
                <Button
                  variant="secondary"
                  size="small"
                  aria-label={`Tell all again to ${letter.url}`}
                  onPress={() => act(() => replay(letter), 'All of this webhook is told again.')}
                >
                  <RotateCcw size={14} />
                  Replay
                </Button>
              }
            />
          )}
        </Records>
      </section>
    </AdminFrame>
  );
}
