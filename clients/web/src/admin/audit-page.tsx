import type { AuditEntry, AuditFilter } from '@boltorezka/client';
import { type FormEvent, useCallback, useState } from 'react';
import { Button as AriaButton, Form } from 'react-aria-components';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { Button } from '../ui/button.tsx';
import { TextField } from '../ui/field.tsx';
import { RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import { AdminFrame } from './admin-frame.tsx';
import styles from './admin-page.module.css';
import { actorId, actorText, instantOf } from './texts.ts';

/** Who did what, when, and from where. */
export function AuditPage() {
  const [filter, setFilter] = useState<AuditFilter>({});
  const paged = usePaged(useCallback((page) => client.admin.auditLog(filter, page), [filter]));
  return (
    <AdminFrame section="audit">
      <FilterForm key={filter.actor ?? ''} filter={filter} onChange={setFilter} />
      <Records label="Audit log" {...paged} keyOf={(entry) => entry.id} empty="Nothing of this kind was done.">
        {(entry) => <Entry entry={entry} onActor={(actor) => setFilter({ ...filter, actor })} />}
      </Records>
    </AdminFrame>
  );
}

function FilterForm({ filter, onChange }: { filter: AuditFilter; onChange(filter: AuditFilter): void }) {
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const value = (name: string) => String(data.get(name) ?? '').trim();
    const from = instantOf(value('from'));
    const until = instantOf(value('until'));
    onChange({
      action: value('action'),
      actor: value('actor'),
      ...(from === undefined ? {} : { from }),
      ...(until === undefined ? {} : { until }),
    });
  };
  return (
    <Form className={styles.form ?? ''} onSubmit={search} aria-label="Search the audit log">
      <TextField
        label="Action"
        name="action"
        defaultValue={filter.action ?? ''}
        inputProps={{ placeholder: 'admin.user' }}
      />
      <TextField
        label="By"
        name="actor"
        defaultValue={filter.actor ?? ''}
        inputProps={{ placeholder: 'Id of an account or key' }}
      />
      <TextField label="From" name="from" type="datetime-local" />
      <TextField label="Until" name="until" type="datetime-local" />
      <div className={styles.buttons}>
        <Button type="submit">Search</Button>
        <Button type="reset" variant="secondary" onPress={() => onChange({})}>
          All
        </Button>
      </div>
    </Form>
  );
}

function Entry({ entry, onActor }: { entry: AuditEntry; onActor(id: string): void }) {
  const id = actorId(entry.actor);
  const name = actorText(entry.actor);
  return (
    <RecordItem
      title={entry.action}
      text={entry.target}
      facts={[
        {
          label: 'By',
          value:
            id === undefined ? (
              name
            ) : (
              <AriaButton className={styles.inline ?? ''} aria-label={`All by ${name}`} onPress={() => onActor(id)}>
                {name}
              </AriaButton>
            ),
        },
        { label: 'At', value: timeText(entry.createdAt) },
        { label: 'From', value: entry.address },
        { label: 'In', value: entry.workspace ?? 'a deleted workspace' },
      ]}
    />
  );
}
