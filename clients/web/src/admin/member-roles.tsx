import type { CustomRole, HeldRole, WorkspaceMember } from '@boltorezka/client';
import { useState } from 'react';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Button } from '../ui/button.tsx';
import { Checkbox } from '../ui/checkbox.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import styles from './admin-page.module.css';

interface MemberRolesProps {
  slug: string;
  member: WorkspaceMember;
  /** What it holds of them. */
  held: readonly HeldRole[];
  roles: readonly CustomRole[];
  onChange(held: HeldRole[]): void;
}

/** A button that opens the choice of a member's custom roles. Each is given and taken at once. */
export function MemberRoles({ slug, member, held, roles, onChange }: MemberRolesProps) {
  const [isOpen, setOpen] = useState(false);
  const act = useAct();
  const set = ({ id, name }: CustomRole, isHeld: boolean) =>
    act(
      async () => {
        await client.workspaces.setCustomRole(slug, member.userId, id, isHeld);
        const others = held.filter((role) => role.id !== id);
        onChange(isHeld ? [...others, { id, name }] : others);
      },
      isHeld ? `${member.displayName} is ${name} now.` : `${member.displayName} is not ${name} any more.`,
    );
  const close = () => setOpen(false);
  return (
    <>
      <Button
        variant="secondary"
        size="small"
        aria-label={`Roles that ${member.displayName} holds`}
        onPress={() => setOpen(true)}
      >
        Roles
      </Button>
      <Dialog title={`Roles of ${member.displayName}`} isOpen={isOpen} onClose={close}>
        <div className={styles.stacked}>
          {roles.length === 0 && <p>This workspace has no roles of its own. Make one under Roles first.</p>}
          {roles.map((role) => (
            <Checkbox
              key={role.id}
              isSelected={held.some(({ id }) => id === role.id)}
              onChange={(isHeld) => set(role, isHeld)}
            >
              {role.name}
            </Checkbox>
          ))}
        </div>
        <DialogActions>
          <Button onPress={close}>Done</Button>
        </DialogActions>
      </Dialog>
    </>
  );
}
