import { useState } from 'react';
import { Form } from 'react-aria-components';
import { useTitle } from '../app/hooks.ts';
import { client } from '../app/session.tsx';
import { Button, ButtonLink } from '../ui/button.tsx';
import { FormError } from '../ui/field.tsx';
import { EmailField, PasswordField } from './account-fields.tsx';
import styles from './auth-frame.module.css';
import { AuthFrame } from './auth-frame.tsx';
import { MessagePage } from './message-page.tsx';
import { useSubmit } from './use-submit.ts';

/** Asks for a link for another password. */
export function ForgotPage() {
  useTitle('Forgot password');
  const [isSent, setSent] = useState(false);
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    await client.forgotPassword(value('email'));
    setSent(true);
  });
  if (isSent) {
    return (
      <MessagePage
        title="Look into your mailbox"
        text="If the address has an account, a link to choose another password is on its way. It is good for an hour."
      />
    );
  }
  return (
    <AuthFrame title="Forgot your password?" text="You get a link by mail, to choose another one.">
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error}</FormError>
        <EmailField />
        <Button type="submit" isBusy={isPending}>
          Send a link
        </Button>
      </Form>
    </AuthFrame>
  );
}

/** The link for another password. */
export function ResetPage({ token }: { token: string }) {
  useTitle('New password');
  const [isDone, setDone] = useState(false);
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    await client.resetPassword({ token, newPassword: value('password') });
    setDone(true);
  });
  if (isDone) {
    return (
      <MessagePage title="Your password is changed" text="You are signed out everywhere.">
        <ButtonLink href="/login">Sign in</ButtonLink>
      </MessagePage>
    );
  }
  return (
    <AuthFrame title="Choose a new password">
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error}</FormError>
        <PasswordField isNew />
        <Button type="submit" isBusy={isPending}>
          Change password
        </Button>
      </Form>
    </AuthFrame>
  );
}

/** The link that verifies an address. It is used by a press of a button: programs that look into mails open links. */
export function VerifyPage({ token }: { token: string }) {
  useTitle('Confirm your address');
  const [isDone, setDone] = useState(false);
  const { error, isPending, onSubmit } = useSubmit(async () => {
    await client.verifyEmail({ token });
    setDone(true);
  });
  if (isDone) return <MessagePage title="Thank you" text="Your address is confirmed." />;
  return (
    <AuthFrame title="Confirm your address">
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error}</FormError>
        <Button type="submit" isBusy={isPending}>
          Confirm
        </Button>
      </Form>
    </AuthFrame>
  );
}
