import { canUsePasskeys, type Passkey } from '@boltorezka/client';
import { useCallback, useState } from 'react';
import { Form } from 'react-aria-components';
import { client } from '../app/session.tsx';
import { useLoad } from '../app/use-load.ts';
import { ProofField } from '../pages/account-fields.tsx';
import { inPlainWords } from '../pages/passkey-errors.ts';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError, TextField } from '../ui/field.tsx';
import { RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import styles from './account.module.css';
import { agentText } from './agent.ts';
import { Section } from './section.tsx';

/** Longest name of a passkey, as the server takes it. */
const NAME_LENGTH_MAX = 64;

/** What is open. */
type Open = { kind: 'add' } | { kind: 'rename' | 'remove'; passkey: Passkey };

/** The passkeys that sign in to the account. */
export function PasskeysSection({ hasPassword }: { hasPassword: boolean }) {
  const { value, error, isLoading, reload } = useLoad(useCallback(() => client.account.passkeys.list(), []));
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const done = () => {
    close();
    reload();
  };
  const canAdd = canUsePasskeys();
  if (!canAdd && (value === undefined || value.length === 0)) return null;
  return (
    <Section
      title="Passkeys"
      text="Sign in with this device's lock or a security key, without a password and a code. A passkey stays when you change your password or sign out elsewhere: remove those of devices that you have lost."
    >
      <Records
        label="Passkeys"
        items={value}
        error={error}
        isLoading={isLoading}
        onRetry={reload}
        keyOf={(passkey) => passkey.id}
        empty="None yet."
      >
        {(passkey) => (
          <RecordItem
            title={passkey.name}
            facts={[
              { label: 'Added', value: timeText(passkey.createdAt) },
              { label: 'Last used', value: passkey.lastUsedAt === undefined ? 'never' : timeText(passkey.lastUsedAt) },
            ]}
            actions={
              <>
                <Button
                  variant="secondary"
                  size="small"
                  aria-label={`Rename ${passkey.name}`}
                  onPress={() => setOpen({ kind: 'rename', passkey })}
                >
                  Rename
                </Button>
                <Button
                  variant="secondary"
                  size="small"
                  aria-label={`Remove ${passkey.name}`}
                  onPress={() => setOpen({ kind: 'remove', passkey })}
                >
                  Remove
                </Button>
              </>
            }
          />
        )}
      </Records>
      {canAdd && (
        <p className={styles.buttons} style={{ marginTop: 12 }}>
          <Button onPress={() => setOpen({ kind: 'add' })}>Add a passkey</Button>
        </p>
      )}
      <Dialog title="Add a passkey" isOpen={open?.kind === 'add'} onClose={close}>
        <AddForm hasPassword={hasPassword} onDone={done} />
      </Dialog>
      <Dialog title="Rename the passkey" isOpen={open?.kind === 'rename'} onClose={close}>
        {open?.kind === 'rename' && <RenameForm passkey={open.passkey} onDone={done} />}
      </Dialog>
      <ConfirmDialog
        title="Remove the passkey?"
        confirm="Remove"
        isDangerous
        isOpen={open?.kind === 'remove'}
        onClose={close}
        onConfirm={async () => {
          if (open?.kind !== 'remove') return;
          await client.account.passkeys.remove(open.passkey.id);
          reload();
        }}
      >
        <p>It signs you in no more. Your device may go on offering it until you delete it there too.</p>
      </ConfirmDialog>
    </Section>
  );
}

function NameField({ name }: { name: string }) {
  return (
    <TextField
      label="Name"
      name="name"
      description="For you to tell your passkeys apart"
      defaultValue={name}
      maxLength={NAME_LENGTH_MAX}
      isRequired
    />
  );
}

function AddForm({ hasPassword, onDone }: { hasPassword: boolean; onDone(): void }) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    await inPlainWords(client.account.passkeys.add(value('name'), value('password')));
    onDone();
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      <FormError>{error}</FormError>
      <NameField name={agentText(navigator.userAgent)} />
      <ProofField hasPassword={hasPassword} />
      <DialogActions>
        <Button type="submit" isBusy={isPending}>
          Continue
        </Button>
      </DialogActions>
    </Form>
  );
}

function RenameForm({ passkey, onDone }: { passkey: Passkey; onDone(): void }) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    await client.account.passkeys.rename(passkey.id, value('name'));
    onDone();
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      <FormError>{error}</FormError>
      <NameField name={passkey.name} />
      <DialogActions>
        <Button type="submit" isBusy={isPending}>
          Rename
        </Button>
      </DialogActions>
    </Form>
  );
}
