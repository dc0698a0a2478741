import { Form } from 'react-aria-components';
import { useTitle } from '../app/hooks.ts';
import { navigate } from '../app/router.ts';
import { client, useSession } from '../app/session.tsx';
import { Button } from '../ui/button.tsx';
import { FormError } from '../ui/field.tsx';
import { DisplayNameField, EmailField, PasswordField } from './account-fields.tsx';
import styles from './auth-frame.module.css';
import { AuthFrame } from './auth-frame.tsx';
import { MessagePage } from './message-page.tsx';
import { useSubmit } from './use-submit.ts';

/** The owner link of a fresh server: makes the first account. */
export function SetupPage({ token }: { token: string }) {
  useTitle('Set up');
  const { signedIn } = useSession();
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const account = { email: value('email'), password: value('password'), displayName: value('displayName') };
    signedIn(await client.setUp({ token, ...account }));
    navigate('/', { replace: true });
  });
  if (token === '') {
    return (
      <MessagePage title="The link is not complete" text="Open the owner link that the server printed at its start." />
    );
  }
  return (
    <AuthFrame
      title="Set up Boltorezka"
      text="This server is new. Make the owner's account; everything else follows from it."
    >
      <Form className={styles.form ?? ''} onSubmit={onSubmit}>
        <FormError>{error}</FormError>
        <DisplayNameField />
        <EmailField />
        <PasswordField isNew />
        <Button type="submit" isBusy={isPending}>
          Create owner account
        </Button>
      </Form>
    </AuthFrame>
  );
}
