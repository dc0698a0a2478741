import { useState } from 'react';
import { Form } from 'react-aria-components';
import { client } from '../app/session.tsx';
import { CodeField, ProofField } from '../pages/account-fields.tsx';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError } from '../ui/field.tsx';
import { Secret } from '../ui/secret.tsx';
import styles from './account.module.css';
import { Section } from './section.tsx';

interface SecondFactorSectionProps {
  isOn: boolean;
  hasPassword: boolean;
  onChange(): void;
}

/** A code of an authenticator beside the password. */
export function SecondFactorSection({ isOn, hasPassword, onChange }: SecondFactorSectionProps) {
  const [isOpen, setOpen] = useState(false);
  const close = () => {
    setOpen(false);
    onChange();
  };
  return (
    <Section
      title="Second factor"
      text={
        isOn
          ? 'Signing in takes a code of your authenticator, or a recovery code.'
          : 'With an authenticator on your phone, a stolen password alone lets nobody in.'
      }
    >
      <Button variant={isOn ? 'secondary' : 'primary'} onPress={() => setOpen(true)}>
        {isOn ? 'Turn off' : 'Set up'}
      </Button>
      <Dialog title={isOn ? 'Turn the second factor off' : 'Set up a second factor'} isOpen={isOpen} onClose={close}>
        {isOn ? (
          <TurnOff hasPassword={hasPassword} onDone={close} />
        ) : (
          <SetUp hasPassword={hasPassword} onDone={close} />
        )}
      </Dialog>
    </Section>
  );
}

type Step = { at: 'password' } | { at: 'secret'; secret: string; uri: string } | { at: 'codes'; codes: string[] };

interface StepProps {
  hasPassword: boolean;
  onDone(): void;
}

/** Password, then the secret for the authenticator and a code of it, then the recovery codes. */
function SetUp({ hasPassword, onDone }: StepProps) {
  const [step, setStep] = useState<Step>({ at: 'password' });
  if (step.at === 'password') {
    return <AskPassword hasPassword={hasPassword} onSecret={(secret) => setStep({ at: 'secret', ...secret })} />;
  }
  if (step.at === 'secret') return <Confirm {...step} onCodes={(codes) => setStep({ at: 'codes', codes })} />;
  return (
    <>
      <p>It is on. Keep these recovery codes in a safe place: each signs you in once without your authenticator.</p>
      <Secret label="Recovery codes" value={step.codes.join('\n')} />
      <DialogActions>
        <Button onPress={onDone}>I have kept them</Button>
      </DialogActions>
    </>
  );
}

interface AskPasswordProps {
  hasPassword: boolean;
  onSecret(secret: { secret: string; uri: string }): void;
}

function AskPassword({ hasPassword, onSecret }: AskPasswordProps) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    onSecret(await client.account.enrolSecondFactor(value('password')));
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
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

interface ConfirmProps {
  secret: string;
  uri: string;
  onCodes(codes: string[]): void;
}

function Confirm({ secret, uri, onCodes }: ConfirmProps) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    onCodes(await client.account.confirmSecondFactor(value('code').trim()));
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      <p>
        Type this secret into your authenticator, or <a href={uri}>open it there</a>. Then type the code that it shows.
      </p>
      <Secret label="Secret" value={secret} />
      <FormError>{error}</FormError>
      <CodeField />
      <DialogActions>
        <Button type="submit" isBusy={isPending}>
          Turn on
        </Button>
      </DialogActions>
    </Form>
  );
}

function TurnOff({ hasPassword, onDone }: StepProps) {
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    await client.account.disableSecondFactor({ password: value('password'), code: value('code').trim() });
    onDone();
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      <p>From then on signing in takes no code.</p>
      <FormError>{error}</FormError>
      <ProofField hasPassword={hasPassword} />
      <CodeField />
      <DialogActions>
        <Button type="submit" variant="danger" isBusy={isPending}>
          Turn off
        </Button>
      </DialogActions>
    </Form>
  );
}
