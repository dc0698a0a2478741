import { canUsePasskeys } from '@boltorezka/client';
import { useState } from 'react';
import { client, useSession } from '../app/session.tsx';
import { Button } from '../ui/button.tsx';
import { FormError } from '../ui/field.tsx';
import styles from './auth-frame.module.css';
import { passkeyErrorText } from './passkey-errors.ts';

/** The way in by a passkey, where the browser has any. */
export function PasskeySignIn() {
  const { signedIn } = useSession();
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  if (!canUsePasskeys()) return null;
  const signIn = async () => {
    if (isBusy) return;
    setBusy(true);
    setError(undefined);
    try {
      signedIn(await client.signInByPasskey());
    } catch (failure) {
      setError(passkeyErrorText(failure));
      setBusy(false);
    }
  };
  return (
    <div className={styles.form}>
      <FormError>{error}</FormError>
      <Button variant="secondary" isBusy={isBusy} onPress={() => void signIn()}>
        Sign in with a passkey
      </Button>
    </div>
  );
}
