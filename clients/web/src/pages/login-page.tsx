import { codeOf } from '@boltorezka/client';
import { useState } from 'react';
import { Form } from 'react-aria-components';
import { useTitle } from '../app/hooks.ts';
import { navigate } from '../app/router.ts';
import { client, useSession } from '../app/session.tsx';
import { Button } from '../ui/button.tsx';
import { FormError } from '../ui/field.tsx';
import { CodeField, DisplayNameField, EmailField, PasswordField } from './account-fields.tsx';
import styles from './auth-frame.module.css';
import { AuthFrame } from './auth-frame.tsx';
import { PasskeySignIn } from './passkey-sign-in.tsx';
import { providerErrorText } from './provider-errors.ts';
import { ProviderSignIn } from './provider-sign-in.tsx';
import { useSubmit } from './use-submit.ts';

interface LoginPageProps {
  next: string;
  /** Why a sign-in by the provider came to nothing. */
  oidcError: string | undefined;
}

/** Sign in, or make an account. The page that was asked for follows. */
export function LoginPage({ next, oidcError }: LoginPageProps) {
  const [isNew, setNew] = useState(false);
  useTitle(isNew ? 'Create account' : 'Sign in');
  return isNew ? (
    <RegisterForm next={next} onSwitch={() => setNew(false)} />
  ) : (
    <SignInForm next={next} oidcError={oidcError} onSwitch={() => setNew(true)} />
  );
}

function SignInForm({ next, oidcError, onSwitch }: LoginPageProps & { onSwitch(): void }) {
  const { signedIn } = useSession();
  const [needsCode, setNeedsCode] = useState(false);
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const request = { email: value('email'), password: value('password') };
    try {
      signedIn(await client.logIn(needsCode ? { ...request, code: value('code') } : request));
    } catch (failure) {
      if (codeOf(failure) !== 'second_factor_required') throw failure;
      setNeedsCode(true);
    }
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
          {' · '}
          <a className={styles.switch} href="/forgot">
            Forgot password?
          </a>
        </>
      }
    >
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error ?? providerErrorText(oidcError)}</FormError>
        <EmailField />
        <PasswordField isNew={false} />
        {needsCode && <CodeField />}
        <Button type="submit" isBusy={isPending}>
          Sign in
        </Button>
      </Form>
      <PasskeySignIn />
      <ProviderSignIn next={next} />
    </AuthFrame>
  );
}

/** By the link of an invite. */
export function RegisterPage({ invite }: { invite: string }) {
  useTitle('Create account');
  return <RegisterForm next="/" invite={invite} onSwitch={() => navigate('/login')} />;
}

interface RegisterFormProps {
  next: string;
  invite?: string;
  onSwitch(): void;
}

function RegisterForm({ next, invite, onSwitch }: RegisterFormProps) {
  const { signedIn } = useSession();
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const request = { email: value('email'), password: value('password'), displayName: value('displayName') };
    signedIn(await client.register(invite ? { ...request, invite } : request));
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
      <ProviderSignIn next={next} {...(invite ? { invite } : {})} />
    </AuthFrame>
  );
}
