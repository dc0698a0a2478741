import { useCallback, useState } from 'react';
import { navigate } from '../app/router.ts';
import { client, useUser } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useLoad } from '../app/use-load.ts';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { RecordItem, Records } from '../ui/records.tsx';
import { Switch } from '../ui/switch.tsx';
import { AdminFrame } from './admin-frame.tsx';
import styles from './admin-page.module.css';
import { sectionPath } from './sections.ts';
import { WorkspaceMembers } from './workspace-members.tsx';
import { WorkspaceReports } from './workspace-reports.tsx';
import { WorkspaceRoles } from './workspace-roles.tsx';

/** It is there from the start, every account is in it, and it cannot be deleted. */
const DEFAULT = 'default';

const FEATURES: Record<string, string> = {
  chat: 'Messages',
  calls: 'Calls, with everything in them',
  video: 'Cameras',
  screen: 'Shared screens and their sound',
  whip: 'Publishing and playing by other programs (WHIP, WHEP)',
  telemetry: 'What clients tell of themselves',
};

/** One tenant: what is switched on in it, and who is in it. */
export function WorkspacePage({ slug }: { slug: string }) {
  const { value, error, isLoading, reload } = useLoad(useCallback(() => client.workspaces.get(slug), [slug]));
  const roles = useLoad(useCallback(() => client.workspaces.customRoles(slug), [slug]));
  return (
    <AdminFrame section="workspaces" title={value?.title ?? slug}>
      {error !== undefined ? (
        <Records label="Workspace" items={[]} error={error} onRetry={reload} keyOf={() => 0} empty="">
          {() => null}
        </Records>
      ) : (
        <>
          <WorkspaceReports slug={slug} />
          <Features slug={slug} />
          <WorkspaceRoles slug={slug} roles={roles} />
          <WorkspaceMembers slug={slug} isFixed={slug === DEFAULT} roles={roles.value} onRolesChange={roles.reload} />
          {!isLoading && value?.myRole === 'owner' && slug !== DEFAULT && <Deletion slug={slug} title={value.title} />}
        </>
      )}
    </AdminFrame>
  );
}

function Features({ slug }: { slug: string }) {
  const loaded = useLoad(useCallback(() => client.workspaces.features(slug), [slug]));
  const act = useAct();
  return (
    <section aria-labelledby="features" className={styles.part}>
      <h2 id="features">Features</h2>
      <Records
        label="Features"
        items={loaded.value}
        error={loaded.error}
        isLoading={loaded.isLoading}
        onRetry={loaded.reload}
        keyOf={(each) => each.feature}
        empty="There is nothing to switch."
      >
        {({ feature, enabled }) => (
          <RecordItem
            title={FEATURES[feature] ?? feature}
            actions={
              <Switch
                label={FEATURES[feature] ?? feature}
                isSelected={enabled}
                onChange={(on) =>
                  act(async () => {
                    const changed = await client.workspaces.setFeature(slug, feature, on);
                    const others = (loaded.value ?? []).map((each) => (each.feature === feature ? changed : each));
                    loaded.set(others);
                  })
                }
              />
            }
          />
        )}
      </Records>
    </section>
  );
}

function Deletion({ slug, title }: { slug: string; title: string }) {
  const me = useUser();
  const [isAsked, setAsked] = useState(false);
  return (
    <section aria-labelledby="deletion" className={styles.part}>
      <h2 id="deletion">Delete</h2>
      <p className={styles.note}>Its rooms, messages, webhooks and API keys are gone for good. Accounts stay.</p>
      <Button variant="danger" onPress={() => setAsked(true)}>
        Delete workspace
      </Button>
      <ConfirmDialog
        title={`Delete ${title}?`}
        confirm="Delete for good"
        isDangerous
        isOpen={isAsked}
        onClose={() => setAsked(false)}
        onConfirm={async () => {
          await client.workspaces.delete(slug);
          navigate(sectionPath('workspaces'));
        }}
      >
        <p>
          Everything in it is gone, its calls end now, and nothing brings it back. You, {me.displayName}, stand in the
          audit log for it.
        </p>
      </ConfirmDialog>
    </section>
  );
}
