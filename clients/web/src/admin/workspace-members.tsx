import type { CustomRole, HeldRole, WorkspaceMember, WorkspaceRole } from '@boltorezka/client';
import { UserMinus } from 'lucide-react';
import { useCallback, useState } from 'react';
import { Form } from 'react-aria-components';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useSubmit } from '../pages/use-submit.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import { FormError, TextField } from '../ui/field.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { Select } from '../ui/select.tsx';
import styles from './admin-page.module.css';
import { currentRoles } from './custom-roles.ts';
import { MemberRoles } from './member-roles.tsx';
import { WORKSPACE_ROLES } from './texts.ts';

const ROLE_OPTIONS = (['guest', 'member', 'admin', 'owner'] as const).map((id) => ({ id, text: WORKSPACE_ROLES[id] }));

interface WorkspaceMembersProps {
  slug: string;
  /** Everybody is in it, with their role on the server. */
  isFixed: boolean;
  /** Its custom roles. Absent while they are on their way. */
  roles: readonly CustomRole[] | undefined;
  /** Somebody holds another one, or one less. */
  onRolesChange(): void;
}

/** Who is in a workspace, and as what. */
export function WorkspaceMembers({ slug, isFixed, roles, onRolesChange }: WorkspaceMembersProps) {
  const paged = usePaged(useCallback((page) => client.workspaces.members(slug, page), [slug]));
  const act = useAct();
  const put = (member: WorkspaceMember) =>
    paged.change((all) => {
      const isThere = all.some((each) => each.userId === member.userId);
      return isThere ? all.map((each) => (each.userId === member.userId ? member : each)) : [...all, member];
    });
  const give = async (member: WorkspaceMember, role: WorkspaceRole) =>
    put(await client.workspaces.setMember(slug, member.userId, role));
  const remove = async ({ userId }: WorkspaceMember) => {
    await client.workspaces.removeMember(slug, userId);
    paged.change((all) => all.filter((each) => each.userId !== userId));
  };
  const hold = (member: WorkspaceMember, customRoles: HeldRole[]) => {
    put({ ...member, customRoles });
    onRolesChange();
  };
  return (
    <section aria-labelledby="members" className={styles.part}>
      <h2 id="members">Members</h2>
      {isFixed ? (
        <p className={styles.note}>Every account is in this workspace, with its role on the server.</p>
      ) : (
        <AddMember slug={slug} onAdded={put} />
      )}
      <Records label="Members" {...paged} keyOf={(member) => member.userId} empty="Nobody is in this workspace yet.">
        {(member) => (
          <RecordItem
            lead={<Avatar name={member.displayName} userId={member.userId} size={36} />}
            title={member.displayName}
            badges={
              <>
                {isFixed && <Badge>{WORKSPACE_ROLES[member.role]}</Badge>}
                {currentRoles(member.customRoles, roles).map(({ id, name }) => (
                  <Badge key={id}>{name}</Badge>
                ))}
              </>
            }
            areActionsWide
            actions={
              <>
                {roles && (
                  <MemberRoles
                    slug={slug}
                    member={member}
                    held={currentRoles(member.customRoles, roles)}
                    roles={roles}
                    onChange={(held) => hold(member, held)}
                  />
                )}
                {!isFixed && (
                  <>
                    <Select
                      label={`Role of ${member.displayName}`}
                      isLabelHidden
                      options={ROLE_OPTIONS}
                      value={member.role}
                      onChange={(role) =>
                        act(() => give(member, role), `${member.displayName}: ${WORKSPACE_ROLES[role]}.`)
                      }
                    />
                    <IconButton
                      label={`Remove ${member.displayName} from the workspace`}
                      onPress={() => act(() => remove(member), `${member.displayName} is out.`)}
                    >
                      <UserMinus size={18} />
                    </IconButton>
                  </>
                )}
              </>
            }
          />
        )}
      </Records>
    </section>
  );
}

/** By the address, as people know each other. */
function AddMember({ slug, onAdded }: { slug: string; onAdded(member: WorkspaceMember): void }) {
  const [email, setEmail] = useState('');
  const { error, isPending, onSubmit } = useSubmit(async () => {
    const account = await accountOf(email.trim().toLowerCase());
    if (!account) throw new Error('Nobody has an account with this address.');
    onAdded(await client.workspaces.setMember(slug, account, 'member'));
    setEmail('');
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit} aria-label="Add a member">
      <TextField label="E-mail" name="email" type="email" value={email} onChange={setEmail} isRequired />
      <div className={styles.buttons}>
        <Button type="submit" variant="secondary" isBusy={isPending}>
          Add member
        </Button>
      </div>
      <FormError>{error}</FormError>
    </Form>
  );
}

/** The id of the account with an address. There is no search: the pages of the list are read. */
async function accountOf(email: string): Promise<string | undefined> {
  for (let cursor: string | undefined; ; ) {
    const page = await client.admin.accounts(cursor === undefined ? { limit: 100 } : { cursor, limit: 100 });
    const found = page.items.find((account) => account.email === email);
    if (found) return found.id;
    cursor = page.nextCursor;
    if (cursor === undefined) return undefined;
  }
}
