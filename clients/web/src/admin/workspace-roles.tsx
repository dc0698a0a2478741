import type { CustomRole, RoomRole } from '@boltorezka/client';
import { Plus } from 'lucide-react';
import { useCallback, useState } from 'react';
import { Form } from 'react-aria-components';
import { client } from '../app/session.tsx';
import { type Loaded, useLoad } from '../app/use-load.ts';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox, CheckboxGroup } from '../ui/checkbox.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError, TextField } from '../ui/field.tsx';
import { RecordItem, Records } from '../ui/records.tsx';
import { Select } from '../ui/select.tsx';
import styles from './admin-page.module.css';
import { givesText, permissionGroups, permissionText, ROOM_RIGHTS, withRole } from './custom-roles.ts';
import { countText } from './texts.ts';

const ROOM_RIGHT_OPTIONS = (['listener', 'member', 'moderator', 'owner'] as const).map((id) => ({
  id,
  text: ROOM_RIGHTS[id],
}));

interface WorkspaceRolesProps {
  slug: string;
  roles: Loaded<CustomRole[]>;
}

/** The roles that a workspace has made: what they give, and a dialog to make and change them. */
export function WorkspaceRoles({ slug, roles }: WorkspaceRolesProps) {
  const [isNew, setNew] = useState(false);
  const [edited, setEdited] = useState<CustomRole>();
  const [asked, setAsked] = useState<CustomRole>();
  const all = roles.value ?? [];
  const remove = async () => {
    if (!asked) return;
    await client.workspaces.deleteCustomRole(slug, asked.id);
    roles.set(all.filter(({ id }) => id !== asked.id));
  };
  const close = () => {
    setNew(false);
    setEdited(undefined);
  };
  return (
    <section aria-labelledby="roles" className={styles.part}>
      <h2 id="roles">Roles</h2>
      <p className={styles.note}>
        Members hold these beside their role in the workspace, and may do what any of them gives. What you take away is
        gone at once, from running calls too.
      </p>
      <p className={styles.note}>
        <Button variant="secondary" onPress={() => setNew(true)}>
          <Plus size={16} />
          New role
        </Button>
      </p>
      <Records
        label="Roles"
        items={roles.value}
        error={roles.error}
        isLoading={roles.isLoading}
        onRetry={roles.reload}
        keyOf={(role) => role.id}
        empty="This workspace has no roles of its own."
      >
        {(role) => (
          <RecordItem
            title={role.name}
            facts={[
              { label: 'Gives', value: givesText(role) },
              { label: 'Held by', value: countText(role.memberCount, 'member', 'members') },
            ]}
            areActionsWide
            actions={
              <>
                <Button
                  variant="secondary"
                  size="small"
                  aria-label={`Change ${role.name}`}
                  onPress={() => setEdited(role)}
                >
                  Change
                </Button>
                <Button
                  variant="secondary"
                  size="small"
                  aria-label={`Delete ${role.name}`}
                  onPress={() => setAsked(role)}
                >
                  Delete
                </Button>
              </>
            }
          />
        )}
      </Records>
      <Dialog
        title={edited ? `Change ${edited.name}` : 'New role'}
        isOpen={isNew || edited !== undefined}
        onClose={close}
      >
        <RoleForm slug={slug} role={edited} onSaved={(role) => roles.set(withRole(all, role))} onClose={close} />
      </Dialog>
      <ConfirmDialog
        title={`Delete ${asked?.name ?? ''}?`}
        confirm="Delete role"
        isDangerous
        isOpen={asked !== undefined}
        onClose={() => setAsked(undefined)}
        onConfirm={remove}
      >
        <p>
          {asked ? countText(asked.memberCount, 'member loses', 'members lose') : ''} what it gives, at once and in
          running calls too. Nothing brings it back.
        </p>
      </ConfirmDialog>
    </section>
  );
}

interface RoleFormProps {
  slug: string;
  /** Absent for a new one. */
  role: CustomRole | undefined;
  onSaved(role: CustomRole): void;
  onClose(): void;
}

function RoleForm({ slug, role, onSaved, onClose }: RoleFormProps) {
  const known = useLoad(useCallback(() => client.workspaces.grantablePermissions(slug), [slug]));
  const [permissions, setPermissions] = useState<readonly string[]>(role?.permissions ?? []);
  const [roomRole, setRoomRole] = useState<RoomRole>(role?.roomRole ?? 'listener');
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const request = { name: value('name').trim(), permissions: [...permissions], roomRole };
    const saved = role
      ? client.workspaces.updateCustomRole(slug, role.id, request)
      : client.workspaces.createCustomRole(slug, request);
    onSaved(await saved);
    onClose();
  });
  const choose = (inGroup: readonly string[], chosen: readonly string[]) =>
    setPermissions((before) => [...before.filter((name) => !inGroup.includes(name)), ...chosen]);
  return (
    <Form className={styles.stacked ?? ''} onSubmit={onSubmit}>
      <FormError>{error ?? known.error}</FormError>
      <TextField label="Name" name="name" defaultValue={role?.name ?? ''} maxLength={40} isRequired autoFocus />
      <Select
        label="In every room that they see"
        options={ROOM_RIGHT_OPTIONS}
        value={roomRole}
        onChange={(role) => setRoomRole(role)}
      />
      {permissionGroups(known.value ?? []).map((group) => {
        const names = group.permissions.map(({ name }) => name);
        return (
          <CheckboxGroup
            key={group.feature}
            label={group.title}
            value={permissions.filter((name) => names.includes(name))}
            onChange={(chosen) => choose(names, chosen)}
          >
            {group.permissions.map((permission) => (
              <Checkbox key={permission.name} value={permission.name}>
                {permissionText(permission)}
              </Checkbox>
            ))}
          </CheckboxGroup>
        );
      })}
      <DialogActions>
        <Button variant="secondary" onPress={onClose}>
          Cancel
        </Button>
        <Button type="submit" isBusy={isPending || known.value === undefined}>
          {role ? 'Save role' : 'Make role'}
        </Button>
      </DialogActions>
    </Form>
  );
}
