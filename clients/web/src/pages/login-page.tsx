import { useState } from 'react';
import { Form } from 'react-aria-components';
import { useTitle } from '../app/hooks.ts';
import { client, useSession } from '../app/session.tsx';
import { Button } from '../ui/button.tsx';
import { FormError } from '../ui/field.tsx';
import { DisplayNameField, EmailField, PasswordField } from './account-fields.tsx';
import styles from './auth-frame.module.css';
import { AuthFrame } from './auth-frame.tsx';
import { useSubmit } from './use-submit.ts';

/** Sign in, or make an account. The page that was asked for follows. */
export function LoginPage() {
  const [isNew, setNew] = useState(false);
  useTitle(isNew ? 'Create account' : 'Sign in');
  return isNew ? <RegisterForm onSwitch={() => setNew(false)} /> : <SignInForm onSwitch={() => setNew(true)} />;
}

function SignInForm({ onSwitch }: { onSwitch(): void }) {
  const { signedIn } = useSession();
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    signedIn(await client.logIn({ email: value('email'), password: value('password') }));
  });
  return (
    <AuthFrame
      title="Sign in"
      footer={
        <>
          New here?{' '}
          <button type="button" className={styles.switch} onClick={onSwitch}>
            Create an account
          </button>
        </>
      }
    >
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error}</FormError>
        <EmailField />
        <PasswordField isNew={false} />
        <Button type="submit" isBusy={isPending}>
          Sign in
        </Button>
      </Form>
    </AuthFrame>
  );
}

function RegisterForm({ onSwitch }: { onSwitch(): void }) {
  const { signedIn } = useSession();
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const request = { email: value('email'), password: value('password'), displayName: value('displayName') };
    signedIn(await client.register(request));
  });
  return (
    <AuthFrame
      title="Create an account"
      footer={
        <>
          Have an account?{' '}
          <button type="button" className={styles.switch} onClick={onSwitch}>
            Sign in
          </button>
        </>
      }
    >
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error}</FormError>
        <DisplayNameField />
        <EmailField />
        <PasswordField isNew />
        <Button type="submit" isBusy={isPending}>
          Create account
        </Button>
      </Form>
    </AuthFrame>
  );
}
