import type { FeatureState, MediaState } from '@boltorezka/client';
import { useCallback, useEffect, useState } from 'react';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useLoad } from '../app/use-load.ts';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { AdminFrame } from './admin-frame.tsx';
import styles from './admin-page.module.css';
import { countText } from './texts.ts';

/** How often the media node is asked how it does. */
const ASKED_EVERY_MS = 5_000;
/** How long those inside have when the node is emptied. */
const DEADLINE_S = 600;

/** The media node and the features of the server: whether they do their work. */
export function ServerPage() {
  return (
    <AdminFrame section="server">
      <MediaNode />
      <Features />
    </AdminFrame>
  );
}

function MediaNode() {
  const { value, error, isLoading, reload } = useLoad(useCallback(() => client.admin.media(), []));
  const [isAsked, setAsked] = useState(false);
  const act = useAct();
  useEffect(() => {
    const timer = setInterval(reload, ASKED_EVERY_MS);
    return () => clearInterval(timer);
  }, [reload]);
  return (
    <section aria-labelledby="media-node" className={styles.part}>
      <h2 id="media-node">Media node</h2>
      <Records
        label="Media nodes"
        items={value && [value]}
        error={error}
        isLoading={isLoading && value === undefined}
        onRetry={reload}
        keyOf={() => 'node'}
        empty=""
      >
        {(media) => (
          <RecordItem
            title="This server's node"
            badges={<MediaBadges media={media} />}
            text={media.linked ? undefined : 'It does not answer: nobody can join a call. What follows it said last.'}
            facts={[
              { label: 'Connections', value: media.connections },
              { label: 'Shards', value: media.shards },
              { label: 'Overloaded', value: media.shardsOverloaded },
            ]}
            actions={
              media.draining ? (
                <Button
                  variant="secondary"
                  size="small"
                  onPress={() =>
                    act(async () => {
                      await client.admin.undrainMedia();
                      reload();
                    }, 'The node takes people again.')
                  }
                >
                  Take people again
                </Button>
              ) : (
                <Button variant="danger" size="small" isDisabled={!media.linked} onPress={() => setAsked(true)}>
                  Drain
                </Button>
              )
            }
          />
        )}
      </Records>
      <ConfirmDialog
        title="Drain the media node?"
        confirm="Drain"
        isDangerous
        isOpen={isAsked}
        onClose={() => setAsked(false)}
        onConfirm={async () => {
          await client.admin.drainMedia(DEADLINE_S);
          reload();
        }}
      >
        <p>
          Nobody new is taken. {countText(value?.connections ?? 0, 'connection is', 'connections are')} told, and ended
          after ten minutes.
        </p>
      </ConfirmDialog>
    </section>
  );
}

function MediaBadges({ media }: { media: MediaState }) {
  return (
    <>
      <Badge kind={media.linked ? 'good' : 'danger'}>{media.linked ? 'Linked' : 'Not linked'}</Badge>
      {media.draining && <Badge kind="warning">Being emptied</Badge>}
    </>
  );
}

const STATUSES: Record<FeatureState['status'], { text: string; kind: 'good' | 'warning' | 'danger' }> = {
  starting: { text: 'Starting', kind: 'warning' },
  ok: { text: 'Works', kind: 'good' },
  unhealthy: { text: 'Unwell', kind: 'danger' },
  failed: { text: 'Failed', kind: 'danger' },
};

function Features() {
  const { value, error, isLoading, reload } = useLoad(useCallback(() => client.admin.features(), []));
  return (
    <section aria-labelledby="features" className={styles.part}>
      <h2 id="features">Features</h2>
      <Records
        label="Features"
        items={value}
        error={error}
        isLoading={isLoading}
        onRetry={reload}
        keyOf={(feature) => feature.name}
        empty=""
      >
        {({ name, title, status, critical, detail }) => (
          <RecordItem
            title={name}
            badges={
              <>
                <Badge kind={STATUSES[status].kind}>{STATUSES[status].text}</Badge>
                {critical && <Badge>Critical</Badge>}
              </>
            }
            text={detail ? `${title} ${detail}` : title}
          />
        )}
      </Records>
    </section>
  );
}
