import type { PushedBrowser, PushStatus } from '@boltorezka/client';
import { useCallback, useState } from 'react';
import { client, useUser } from '../app/session.tsx';
import { useAct } from '../app/use-act.ts';
import { useLoad } from '../app/use-load.ts';
import { forgetBrowser, note, obstacle, permission, subscribeBrowser } from '../push/browser.ts';
import { Button } from '../ui/button.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { Switch } from '../ui/switch.tsx';
import { timeText } from '../ui/times.ts';
import styles from './account.module.css';
import { agentText } from './agent.ts';
import { Section } from './section.tsx';

/** The browsers that are notified of what waits for the account. */
export function PushSection() {
  const { id: userId } = useUser();
  const { value, error, isLoading, reload, set } = useLoad(useCallback(() => client.account.push.get(), []));
  const act = useAct();
  const remove = async (browser: PushedBrowser) => {
    await client.account.push.unsubscribe(browser.id);
    if (browser.current) await forgetBrowser();
    reload();
  };
  const setEnabled = async (enabled: boolean) => {
    const status = await client.account.push.setEnabled(enabled);
    note(status);
    set(status);
  };
  return (
    <Section
      title="Notifications"
      text="Be told of mentions, answers, direct messages and calls while no page of yours is open. Each browser is asked for it on its own, until you sign out there."
    >
      <Records
        label="Browsers that are notified"
        items={value?.subscriptions}
        error={error}
        isLoading={isLoading}
        onRetry={reload}
        keyOf={(browser) => browser.id}
        empty="No browser is notified."
      >
        {(browser) => (
          <RecordItem
            title={agentText(browser.userAgent)}
            badges={browser.current && <Badge kind="good">This one</Badge>}
            facts={[
              { label: 'Since', value: timeText(browser.createdAt) },
              { label: 'By', value: browser.service },
            ]}
            actions={
              <Button
                variant="secondary"
                size="small"
                aria-label={`Stop notifying ${agentText(browser.userAgent)}, since ${timeText(browser.createdAt)}`}
                onPress={() => act(() => remove(browser), 'It is notified no more.')}
              >
                Stop
              </Button>
            }
          />
        )}
      </Records>
      {value && <ThisBrowser status={value} userId={userId} onChange={reload} />}
      {value && value.subscriptions.length > 0 && (
        <p className={styles.buttons} style={{ marginTop: 12 }}>
          <Switch label="Notify me" isSelected={value.enabled} onChange={(enabled) => act(() => setEnabled(enabled))} />
          <span aria-hidden="true">{value.enabled ? 'All of them are notified' : 'None is notified for now'}</span>
        </p>
      )}
    </Section>
  );
}

/** Switches it on here, or says why that cannot be. */
function ThisBrowser({ status, userId, onChange }: { status: PushStatus; userId: string; onChange(): void }) {
  const act = useAct();
  // It changes by what the person answers.
  const [state, setState] = useState(permission);
  const { available, reason, publicKey, subscriptions } = status;
  if (subscriptions.some(({ current }) => current)) return null;
  const why = obstacle(state, available, reason);
  if (why !== undefined) {
    return (
      <p role="status" className={styles.text} style={{ marginTop: 12 }}>
        {why}
      </p>
    );
  }
  const turnOn = async () => {
    await subscribeBrowser(client, userId, publicKey).finally(() => setState(permission()));
    onChange();
  };
  return (
    <p className={styles.buttons} style={{ marginTop: 12 }}>
      <Button onPress={() => act(turnOn)}>Notify me in this browser</Button>
    </p>
  );
}
