import type { Report } from '@boltorezka/client';
import { useCallback, useState } from 'react';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import styles from './admin-page.module.css';

/** The messages that people have reported, and what can be done about them. */
export function WorkspaceReports({ slug }: { slug: string }) {
  const paged = usePaged(useCallback((page) => client.workspaces.reports(slug, page), [slug]));
  const [banned, setBanned] = useState<Report>();
  const act = useAct();
  const resolve = async ({ id }: Report) => {
    const resolved = await client.workspaces.resolveReport(slug, id);
    paged.change((reports) => reports.map((report) => (report.id === id ? resolved : report)));
  };
  return (
    <section aria-labelledby="reports" className={styles.part}>
      <h2 id="reports">Reports</h2>
      <Records label="Reports" {...paged} keyOf={(report) => report.id} empty="Nobody has reported a message.">
        {(report) => (
          <RecordItem
            title={report.senderName}
            text={report.text}
            badges={report.resolvedAt === undefined ? <Badge kind="warning">Open</Badge> : <Badge>Resolved</Badge>}
            facts={[
              { label: 'Why', value: report.reason },
              { label: 'Room', value: report.room },
              { label: 'Reported by', value: report.reporterName },
              { label: 'At', value: timeText(report.createdAt) },
              report.resolvedAt === undefined ? undefined : { label: 'Resolved', value: timeText(report.resolvedAt) },
            ]}
            areActionsWide
            actions={
              report.resolvedAt === undefined && (
                <>
                  <Button
                    variant="secondary"
                    size="small"
                    aria-label={`Ban ${report.senderName} from ${report.room}`}
                    onPress={() => setBanned(report)}
                  >
                    Ban
                  </Button>
                  <Button
                    variant="secondary"
                    size="small"
                    aria-label={`Resolve the report about ${report.senderName}`}
                    onPress={() => act(() => resolve(report), 'The report is resolved.')}
                  >
                    Resolve
                  </Button>
                </>
              )
            }
          />
        )}
      </Records>
      <ConfirmDialog
        title={`Ban ${banned?.senderName ?? ''}?`}
        confirm="Ban"
        isDangerous
        isOpen={banned !== undefined}
        onClose={() => setBanned(undefined)}
        onConfirm={async () => {
          if (banned) await client.workspaces.ban(slug, banned.room, banned.senderId);
        }}
      >
        <p>
          The room {banned?.room} is closed to them from now on. What they wrote there stays, and the report stays open.
        </p>
      </ConfirmDialog>
    </section>
  );
}
