import { useState } from 'react';
import { Form } from 'react-aria-components';
import { client, useSession } from '../app/session.tsx';
import { ProofField } from '../pages/account-fields.tsx';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError } from '../ui/field.tsx';
import { timeText } from '../ui/times.ts';
import { useToast } from '../ui/toasts.tsx';
import styles from './account.module.css';
import { Section } from './section.tsx';

/** The end of the account. */
export function DeletionSection({ hasPassword }: { hasPassword: boolean }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Section
      title="Delete account"
      text="You are signed out everywhere, and after some days your account is erased. Your messages stay without your name. Signing in before then takes it back."
    >
      <Button variant="danger" onPress={() => setOpen(true)}>
        Delete my account
      </Button>
      <Dialog title="Delete your account?" role="alertdialog" isOpen={isOpen} onClose={() => setOpen(false)}>
        <Deletion hasPassword={hasPassword} onClose={() => setOpen(false)} />
      </Dialog>
    </Section>
  );
}

function Deletion({ hasPassword, onClose }: { hasPassword: boolean; onClose(): void }) {
  const { signedOut } = useSession();
  const toast = useToast();
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    const { eraseAt } = await client.account.delete(value('password'));
    toast(`Your account is erased on ${timeText(eraseAt)}, unless you sign in before.`);
    signedOut();
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      {hasPassword && <p>Type your password, so that we know that it is you.</p>}
      <FormError>{error}</FormError>
      <ProofField hasPassword={hasPassword} />
      <DialogActions>
        <Button variant="secondary" onPress={onClose}>
          Cancel
        </Button>
        <Button type="submit" variant="danger" isBusy={isPending}>
          Delete my account
        </Button>
      </DialogActions>
    </Form>
  );
}
