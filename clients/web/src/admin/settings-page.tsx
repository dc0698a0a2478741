import type { AdminSetting } from '@boltorezka/client';
import { useCallback, useState } from 'react';
import { client } from '../app/session.tsx';
import { useLoad } from '../app/use-load.ts';
import { TextField } from '../ui/field.tsx';
import { Badge, RecordItem, Records } from '../ui/records.tsx';
import { AdminFrame } from './admin-frame.tsx';
import styles from './admin-page.module.css';
import { matching, plain, SOURCES, valueText } from './settings.ts';

/** What is set, and by what. It is changed where it is set, and counts from the next start on. */
export function SettingsPage() {
  const { value, error, isLoading, reload } = useLoad(useCallback(() => client.admin.settings(), []));
  const [search, setSearch] = useState('');
  return (
    <AdminFrame section="settings">
      <p className={styles.note}>
        Settings are given as flags, environment variables or in a file, and count from the start of the server on.
      </p>
      <div className={styles.form}>
        <TextField label="Search" type="search" value={search} onChange={setSearch} />
      </div>
      <Records
        label="Settings"
        items={value && matching(value, search)}
        error={error}
        isLoading={isLoading}
        onRetry={reload}
        keyOf={(setting) => setting.key}
        empty="No setting is called so."
      >
        {(setting) => <Setting setting={setting} />}
      </Records>
    </AdminFrame>
  );
}

function Setting({ setting }: { setting: AdminSetting }) {
  return (
    <RecordItem
      title={setting.key}
      badges={
        <>
          <Badge kind={setting.source === 'default' ? 'plain' : 'good'}>{SOURCES[setting.source]}</Badge>
          {setting.secret && <Badge kind="warning">Secret</Badge>}
        </>
      }
      text={plain(setting.meaning)}
      facts={[
        { label: 'Value', value: <span className={styles.value}>{valueText(setting)}</span> },
        setting.origin === undefined ? undefined : { label: 'By', value: setting.origin },
      ]}
    />
  );
}
