import { useCallback, useState } from 'react';
import { Form } from 'react-aria-components';
import { client, messageOf, useSession } from '../app/session.tsx';
import { useLoad } from '../app/use-load.ts';
import { Button } from '../ui/button.tsx';
import { FormError } from '../ui/field.tsx';
import { CodeField } from './account-fields.tsx';
import styles from './auth-frame.module.css';
import { AuthFrame } from './auth-frame.tsx';
import { useSubmit } from './use-submit.ts';

interface ProviderSignInProps {
  /** The page that follows. */
  next: string;
  invite?: string;
}

/** The way in by the server's provider, where it has one. */
export function ProviderSignIn({ next, invite }: ProviderSignInProps) {
  const { value: provider } = useLoad(useCallback(() => client.oidcProvider(), []));
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  if (provider === undefined) return null;
  const begin = async () => {
    if (isBusy) return;
    setBusy(true);
    setError(undefined);
    try {
      location.assign(await client.beginOidc(invite ? { next, invite } : { next }));
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(false);
    }
  };
  return (
    <div className={styles.form}>
      <FormError>{error}</FormError>
      <Button variant="secondary" isBusy={isBusy} onPress={() => void begin()}>
        Sign in with {provider.name}
      </Button>
    </div>
  );
}

/** Back from the provider: the account has a second factor. */
export function ProviderCodePage() {
  const { signedIn } = useSession();
  const { error, isPending, onSubmit } = useSubmit(async (value) => signedIn(await client.endOidc(value('code'))));
  return (
    <AuthFrame
      title="Second factor"
      footer={
        <a className={styles.switch} href="/login">
          Sign in in another way
        </a>
      }
    >
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error}</FormError>
        <CodeField />
        <Button type="submit" isBusy={isPending}>
          Sign in
        </Button>
      </Form>
    </AuthFrame>
  );
}
