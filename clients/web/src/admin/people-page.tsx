import type { Account, LinkKind } from '@boltorezka/client';
import { Check, Ellipsis, KeyRound, Link2, ShieldOff, Star, UserCheck, UserX } from 'lucide-react';
import { useCallback, useState } from 'react';
import { type Paged, usePaged } from '../app/paged.ts';
import { client, useUser } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { Avatar } from '../ui/avatar.tsx';
import { IconButton } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { ActionItem, ActionMenu } from '../ui/menu.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { Secret } from '../ui/secret.tsx';
import { timeText } from '../ui/times.ts';
import { type AccountAction, accountActions } from './account-actions.ts';
import { AdminFrame } from './admin-frame.tsx';
import { ROLES, wholeLink } from './texts.ts';

const ACTIONS: Record<AccountAction, { text: string; icon: typeof Star; isDangerous?: boolean }> = {
  approve: { text: 'Let in', icon: UserCheck },
  promote: { text: 'Make admin', icon: Star },
  password_link: { text: 'Link for a new password', icon: KeyRound },
  verification_link: { text: 'Link to confirm the address', icon: Link2 },
  remove_second_factor: { text: 'Remove second factor', icon: ShieldOff, isDangerous: true },
  block: { text: 'Block', icon: UserX, isDangerous: true },
  unblock: { text: 'Unblock', icon: Check },
};

/** What is asked for once more before it is done. */
type Asked = { action: 'promote' | 'block' | 'remove_second_factor'; account: Account };

/** All accounts of the server. */
export function PeoplePage() {
  const paged = usePaged(useCallback((page) => client.admin.accounts(page), []));
  const [asked, setAsked] = useState<Asked>();
  const [link, setLink] = useState<{ title: string; link: string; expiresAt: string }>();
  const act = useAct();

  const handOut = async (account: Account, kind: LinkKind) => {
    const made = await client.admin.createLink(account.id, kind);
    setLink({ title: `For ${account.displayName}`, ...made });
  };
  const change = async (account: Account, how: 'approve' | 'unblock') =>
    put(paged, await client.admin.setAccess(account.id, how));

  const start = (action: AccountAction, account: Account) => {
    if (action === 'password_link') act(() => handOut(account, 'reset_password'));
    else if (action === 'verification_link') act(() => handOut(account, 'verify_email'));
    else if (action === 'approve') act(() => change(account, 'approve'), `${account.displayName} is let in.`);
    else if (action === 'unblock') act(() => change(account, 'unblock'), `${account.displayName} may sign in again.`);
    else setAsked({ action, account });
  };

  return (
    <AdminFrame section="people">
      <Records label="People" {...paged} keyOf={(account) => account.id} empty="Nobody has an account yet.">
        {(account) => <AccountRecord account={account} onAction={(action) => start(action, account)} />}
      </Records>
      <AskedDialog asked={asked} paged={paged} onClose={() => setAsked(undefined)} />
      <Dialog title={link?.title ?? ''} isOpen={link !== undefined} onClose={() => setLink(undefined)}>
        {link && (
          <>
            <p>Hand this link over in a safe way. It works once, until {timeText(link.expiresAt)}.</p>
            <Secret label="Link" value={wholeLink(link.link, location.origin)} />
          </>
        )}
      </Dialog>
    </AdminFrame>
  );
}

function put(paged: Paged<Account>, changed: Account) {
  paged.change((all) => all.map((each) => (each.id === changed.id ? changed : each)));
}

function AccountRecord({ account, onAction }: { account: Account; onAction(action: AccountAction): void }) {
  const me = useUser();
  const actions = accountActions(me, account);
  return (
    <RecordItem
      lead={<Avatar name={account.displayName} userId={account.id} size={36} />}
      title={account.id === me.id ? `${account.displayName} (you)` : account.displayName}
      text={account.email}
      badges={
        <>
          {account.role !== 'user' && <Badge kind="good">{ROLES[account.role]}</Badge>}
          {account.state === 'pending' && <Badge kind="warning">Waits to be let in</Badge>}
          {account.state === 'blocked' && <Badge kind="danger">Blocked</Badge>}
          {!account.emailVerified && <Badge>Address not confirmed</Badge>}
          {account.secondFactor && <Badge>Second factor</Badge>}
        </>
      }
      actions={
        actions.length > 0 ? (
          <ActionMenu
            label={`Actions for ${account.displayName}`}
            trigger={
              <IconButton label={`Actions for ${account.displayName}`}>
                <Ellipsis size={18} />
              </IconButton>
            }
          >
            {actions.map((action) => {
              const { text, icon: Icon, isDangerous = false } = ACTIONS[action];
              return (
                <ActionItem
                  key={action}
                  icon={<Icon size={16} />}
                  isDangerous={isDangerous}
                  onAction={() => onAction(action)}
                >
                  {text}
                </ActionItem>
              );
            })}
          </ActionMenu>
        ) : undefined
      }
    />
  );
}

const QUESTIONS: Record<Asked['action'], { title(name: string): string; text: string; confirm: string }> = {
  promote: {
    title: (name) => `Make ${name} an admin?`,
    text: 'Admins make and delete rooms, remove and mute people in each room, and see these pages.',
    confirm: 'Make admin',
  },
  block: {
    title: (name) => `Block ${name}?`,
    text: 'They are signed out everywhere at once, and their calls end. Their messages stay.',
    confirm: 'Block',
  },
  remove_second_factor: {
    title: (name) => `Remove the second factor of ${name}?`,
    text: 'From then on the password alone signs in. Make sure that it is really they who ask.',
    confirm: 'Remove',
  },
};

interface AskedDialogProps {
  asked: Asked | undefined;
  paged: Paged<Account>;
  onClose(): void;
}

function AskedDialog({ asked, paged, onClose }: AskedDialogProps) {
  const confirm = async () => {
    if (!asked) return;
    const { action, account } = asked;
    if (action === 'promote') {
      const { role } = await client.promote(account.id, 'admin');
      put(paged, { ...account, role });
    } else if (action === 'block') {
      put(paged, await client.admin.setAccess(account.id, 'block'));
    } else {
      await client.admin.deleteSecondFactor(account.id);
      put(paged, { ...account, secondFactor: false });
    }
  };
  const question = asked && QUESTIONS[asked.action];
  return (
    <ConfirmDialog
      title={asked && question ? question.title(asked.account.displayName) : ''}
      confirm={question?.confirm ?? ''}
      isDangerous={asked?.action !== 'promote'}
      isOpen={asked !== undefined}
      onClose={onClose}
      onConfirm={confirm}
    >
      <p>{question?.text}</p>
    </ConfirmDialog>
  );
}
