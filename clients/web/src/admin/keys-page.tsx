import type { ApiKey } from '@boltorezka/client';
import { Plus } from 'lucide-react';
import { useCallback, useState } from 'react';
import { Form } from 'react-aria-components';
import { type Paged, usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError, TextField } from '../ui/field.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { Secret } from '../ui/secret.tsx';
import { timeText } from '../ui/times.ts';
import { AdminFrame } from './admin-frame.tsx';
import styles from './admin-page.module.css';
import { scopesOf } from './texts.ts';

/** Keys of the operator's own servers. */
export function KeysPage() {
  const paged = usePaged(useCallback((page) => client.admin.apiKeys(page), []));
  const [isNew, setNew] = useState(false);
  const [asked, setAsked] = useState<ApiKey>();
  const revoke = async () => {
    if (!asked) return;
    await client.admin.revokeApiKey(asked.id);
    const revokedAt = new Date().toISOString();
    paged.change((keys) => keys.map((key) => (key.id === asked.id ? { ...key, revokedAt } : key)));
  };
  return (
    <AdminFrame
      section="keys"
      actions={
        <Button onPress={() => setNew(true)}>
          <Plus size={16} />
          New key
        </Button>
      }
    >
      <Records label="API keys" {...paged} keyOf={(key) => key.id} empty="No server of yours has a key yet.">
        {(key) => (
          <RecordItem
            title={key.name}
            badges={key.revokedAt !== undefined && <Badge kind="danger">Revoked</Badge>}
            facts={[
              { label: 'May', value: key.scopes?.join(', ') ?? 'all that keys may' },
              { label: 'Made', value: timeText(key.createdAt) },
              { label: 'Last used', value: key.lastUsedAt ? timeText(key.lastUsedAt) : 'never' },
              key.revokedAt === undefined ? undefined : { label: 'Revoked', value: timeText(key.revokedAt) },
            ]}
            actions={
              key.revokedAt === undefined ? (
                <Button
                  variant="secondary"
                  size="small"
                  aria-label={`Revoke ${key.name}`}
                  onPress={() => setAsked(key)}
                >
                  Revoke
                </Button>
              ) : undefined
            }
          />
        )}
      </Records>
      <Dialog title="New API key" isOpen={isNew} onClose={() => setNew(false)}>
        <NewKey paged={paged} onClose={() => setNew(false)} />
      </Dialog>
      <ConfirmDialog
        title={`Revoke ${asked?.name ?? ''}?`}
        confirm="Revoke"
        isDangerous
        isOpen={asked !== undefined}
        onClose={() => setAsked(undefined)}
        onConfirm={revoke}
      >
        <p>The server that uses it is refused at once. Rooms that it made stay.</p>
      </ConfirmDialog>
    </AdminFrame>
  );
}

function NewKey({ paged, onClose }: { paged: Paged<ApiKey>; onClose(): void }) {
  const [made, setMade] = useState<string>();
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const [name, scopes] = [value('name').trim(), scopesOf(value('scopes'))];
    const { apiKey, key } = await client.admin.createApiKey(scopes ? { name, scopes } : { name });
    paged.change((keys) => [...keys, apiKey]);
    setMade(key);
  });
  if (made !== undefined) {
    return (
      <>
        <p>This is the key. It is shown once: copy it now to where your server reads it.</p>
        <Secret label="Key" value={made} />
        <DialogActions>
          <Button onPress={onClose}>Done</Button>
        </DialogActions>
      </>
    );
  }
  return (
    <Form className={styles.stacked ?? ''} onSubmit={onSubmit}>
      <FormError>{error}</FormError>
      <TextField label="What it is for" name="name" maxLength={100} isRequired autoFocus />
      <TextField
        label="What it may do"
        name="scopes"
        description="Permissions or their first words, such as rooms accounts.join_token.create. Empty: all that keys may"
      />
      <DialogActions>
        <Button variant="secondary" onPress={onClose}>
          Cancel
        </Button>
        <Button type="submit" isBusy={isPending}>
          Make key
        </Button>
      </DialogActions>
    </Form>
  );
}
