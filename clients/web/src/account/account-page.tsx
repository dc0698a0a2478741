import { useCallback } from 'react';
import { useTitle } from '../app/hooks.ts';
import { client } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useLoad } from '../app/use-load.ts';
import { PageFrame } from '../pages/page-frame.tsx';
import { Button } from '../ui/button.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { BlocksSection } from './blocks-section.tsx';
import { DeletionSection } from './deletion-section.tsx';
import { ExportSection } from './export-section.tsx';
import { PasskeysSection } from './passkeys-section.tsx';
import { PasswordSection } from './password-section.tsx';
import { ProviderSection } from './provider-section.tsx';
import { PushSection } from './push-section.tsx';
import { SecondFactorSection } from './second-factor-section.tsx';
import { Section } from './section.tsx';
import { SessionsSection } from './sessions-section.tsx';

/** One's own account. */
export function AccountPage() {
  useTitle('Account');
  const { value, error, isLoading, reload } = useLoad(useCallback(() => client.account.get(), []));
  const act = useAct();
  const hasPassword = value?.hasPassword ?? true;
  return (
    <PageFrame title="Account">
      <Section title="You">
        <Records
          label="Account"
          items={value && [value]}
          error={error}
          isLoading={isLoading}
          onRetry={reload}
          keyOf={(me) => me.user.id}
          empty=""
        >
          {(me) => (
            <RecordItem
              title={me.user.displayName}
              text={me.user.email}
              badges={
                me.emailVerified ? (
                  <Badge kind="good">Address confirmed</Badge>
                ) : (
                  <Badge kind="warning">Address not confirmed</Badge>
                )
              }
              areActionsWide
              actions={
                me.emailVerified ? undefined : (
                  <Button
                    variant="secondary"
                    size="small"
                    onPress={() =>
                      act(() => client.account.sendVerification(), 'A link is on its way to your mailbox.')
                    }
                  >
                    Send a link to confirm it
                  </Button>
                )
              }
            />
          )}
        </Records>
      </Section>
      <PasswordSection hasPassword={hasPassword} onChange={reload} />
      {value && <SecondFactorSection isOn={value.secondFactor} hasPassword={hasPassword} onChange={reload} />}
      <PasskeysSection hasPassword={hasPassword} />
      <ProviderSection hasPassword={hasPassword} />
      <PushSection />
      <BlocksSection />
      <SessionsSection />
      <ExportSection />
      <DeletionSection hasPassword={hasPassword} />
    </PageFrame>
  );
}
