import { useState } from 'react';
import { Form } from 'react-aria-components';
import { client } from '../app/session.tsx';
import { PASSWORD_LENGTH_MIN, ProofField } from '../pages/account-fields.tsx';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { FormError, TextField } from '../ui/field.tsx';
import { useToast } from '../ui/toasts.tsx';
import styles from './account.module.css';
import { Section } from './section.tsx';

interface PasswordSectionProps {
  hasPassword: boolean;
  onChange(): void;
}

export function PasswordSection({ hasPassword, onChange }: PasswordSectionProps) {
  const toast = useToast();
  const [values, setValues] = useState({ now: '', next: '' });
  const { error, isPending, onSubmit } = useSubmit(async () => {
    await client.account.changePassword({ password: values.now, newPassword: values.next });
    setValues({ now: '', next: '' });
    toast('Your password is changed. You are signed out everywhere else.');
    onChange();
  });
  return (
    <Section title="Password" text="Changing it signs you out everywhere else.">
      <Form className={styles.form ?? ''} onSubmit={onSubmit} aria-label="Change password">
        <FormError>{error}</FormError>
        {hasPassword ? (
          <TextField
            label="Current password"
            type="password"
            autoComplete="current-password"
            value={values.now}
            onChange={(now) => setValues((before) => ({ ...before, now }))}
            isRequired
          />
        ) : (
          <ProofField hasPassword={false} />
        )}
        <TextField
          label="New password"
          type="password"
          autoComplete="new-password"
          description={`At least ${PASSWORD_LENGTH_MIN} characters`}
          minLength={PASSWORD_LENGTH_MIN}
          value={values.next}
          onChange={(next) => setValues((before) => ({ ...before, next }))}
          isRequired
        />
        <div className={styles.buttons}>
          <Button type="submit" isBusy={isPending}>
            {hasPassword ? 'Change password' : 'Set a password'}
          </Button>
        </div>
      </Form>
    </Section>
  );
}
