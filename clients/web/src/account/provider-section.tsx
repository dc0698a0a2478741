import type { OidcLink } from '@boltorezka/client';
import { useCallback, useState } from 'react';
import { Form } from 'react-aria-components';
import { useRoute } from '../app/router.ts';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useLoad } from '../app/use-load.ts';
import { ProofField } from '../pages/account-fields.tsx';
import { providerErrorText } from '../pages/provider-errors.ts';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError } from '../ui/field.tsx';
import { timeText } from '../ui/times.ts';
import styles from './account.module.css';
import { Section } from './section.tsx';

/** What the section shows; nothing when the server has no provider. */
async function load(): Promise<{ name: string; link: OidcLink | undefined } | undefined> {
  const [provider, link] = await Promise.all([client.oidcProvider(), client.account.oidcLink()]);
  return provider && { name: provider.name, link };
}

/** The identity of the server's provider that signs in to the account. */
export function ProviderSection({ hasPassword }: { hasPassword: boolean }) {
  const { value, error, reload } = useLoad(useCallback(load, []));
  const [isOpen, setOpen] = useState(false);
  const act = useAct();
  const route = useRoute();
  const failed = providerErrorText(route.page === 'account' ? route.oidcError : undefined);
  if (value === undefined) return error === undefined ? null : <FormError>{error}</FormError>;
  const { name, link } = value;
  const unlink = () =>
    act(async () => {
      await client.account.unlinkOidc();
      reload();
    }, `${name} signs you in no more.`);
  return (
    <Section title={`Sign-in with ${name}`} text={textOf(name, link, hasPassword)}>
      <FormError>{failed}</FormError>
      {link === undefined ? (
        <Button onPress={() => setOpen(true)}>Link {name}</Button>
      ) : (
        <Button variant="secondary" onPress={unlink}>
          Unlink {name}
        </Button>
      )}
      <Dialog title={`Link ${name}`} isOpen={isOpen} onClose={() => setOpen(false)}>
        <LinkForm name={name} hasPassword={hasPassword} />
      </Dialog>
    </Section>
  );
}

function textOf(name: string, link: OidcLink | undefined, hasPassword: boolean): string {
  if (link === undefined) return `Link your account, and sign in with ${name} beside your password.`;
  const since = `Linked since ${timeText(link.linkedAt)}.`;
  return hasPassword ? since : `${since} Set a password, or add a passkey, before you unlink it.`;
}

function LinkForm({ name, hasPassword }: { name: string; hasPassword: boolean }) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    location.assign(await client.account.linkOidc(value('password')));
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      <p>You are sent to {name}, and come back here.</p>
      <FormError>{error}</FormError>
      <ProofField hasPassword={hasPassword} />
      <DialogActions>
        <Button type="submit" isBusy={isPending}>
          Continue
        </Button>
      </DialogActions>
    </Form>
  );
}
