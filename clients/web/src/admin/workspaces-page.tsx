import { Plus } from 'lucide-react';
import { useCallback, useState } from 'react';
import { Form, Link } from 'react-aria-components';
import { usePaged } from '../app/paged.ts';
import { navigate } from '../app/router.ts';
import { client } from '../app/session.tsx';
import { TitleAndAddress } from '../pages/title-and-address.tsx';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError } from '../ui/field.tsx';
import { RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import { AdminFrame } from './admin-frame.tsx';
import styles from './admin-page.module.css';
import { workspacePath } from './sections.ts';
import { WORKSPACE_ROLES } from './texts.ts';

/** All tenants of the server. */
export function WorkspacesPage() {
  const paged = usePaged(useCallback((page) => client.workspaces.list(page), []));
  const [isNew, setNew] = useState(false);
  return (
    <AdminFrame
      section="workspaces"
      actions={
        <Button onPress={() => setNew(true)}>
          <Plus size={16} />
          New workspace
        </Button>
      }
    >
      <Records label="Workspaces" {...paged} keyOf={(workspace) => workspace.id} empty="There is no workspace.">
        {(workspace) => (
          <RecordItem
            title={
              <Link href={workspacePath(workspace.slug)} className={styles.link ?? ''}>
                {workspace.title}
              </Link>
            }
            text={workspace.slug}
            facts={[
              { label: 'You are', value: WORKSPACE_ROLES[workspace.myRole] },
              { label: 'Made', value: timeText(workspace.createdAt) },
            ]}
          />
        )}
      </Records>
      <Dialog title="New workspace" isOpen={isNew} onClose={() => setNew(false)}>
        <NewWorkspace onClose={() => setNew(false)} />
      </Dialog>
    </AdminFrame>
  );
}

function NewWorkspace({ onClose }: { onClose(): void }) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const made = await client.workspaces.create({ slug: value('slug'), title: value('title').trim() });
    navigate(workspacePath(made.slug));
  });
  return (
    <Form className={styles.stacked ?? ''} onSubmit={onSubmit}>
      <FormError>{error}</FormError>
      <TitleAndAddress />
      <DialogActions>
        <Button variant="secondary" onPress={onClose}>
          Cancel
        </Button>
        <Button type="submit" isBusy={isPending}>
          Make workspace
        </Button>
      </DialogActions>
    </Form>
  );
}
