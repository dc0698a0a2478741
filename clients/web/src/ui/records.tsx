import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { Skeleton } from './loading.tsx';
import styles from './records.module.css';

export interface Fact {
  label: string;
  value: ReactNode;
}

interface RecordsProps<T> {
  /** Name of the list, for screen readers. */
  label: string;
  /** Absent while the first of them are on their way. */
  items: readonly T[] | undefined;
  error?: string | undefined;
  isLoading?: boolean;
  hasMore?: boolean;
  onMore?(): void;
  onRetry?(): void;
  keyOf(item: T): string | number;
  /** What stands there when there is none. */
  empty: string;
  children(item: T): ReactNode;
}

/** A list that is loaded: its items, or that they are on their way, that there are none, or what went wrong. */
export function Records<T>(props: RecordsProps<T>) {
  const { label, items, error, isLoading = false, hasMore = false, onMore, onRetry, keyOf, empty, children } = props;
  return (
    <div aria-busy={isLoading}>
      {error !== undefined && (
        <div role="alert" className={styles.error}>
          <p>{error}</p>
          {onRetry && (
            <Button variant="secondary" size="small" onPress={onRetry}>
              Try again
            </Button>
          )}
        </div>
      )}
      {items === undefined && error === undefined && <LoadingRecords />}
      {items?.length === 0 && !isLoading && error === undefined && <p className={styles.empty}>{empty}</p>}
      {items !== undefined && items.length > 0 && (
        <ul aria-label={label} className={styles.list}>
          {items.map((item) => (
            <li key={keyOf(item)} className={styles.record}>
              {children(item)}
            </li>
          ))}
        </ul>
      )}
      {hasMore && (
        <p className={styles.more}>
          <Button variant="secondary" isBusy={isLoading} onPress={() => onMore?.()}>
            Show more
          </Button>
        </p>
      )}
    </div>
  );
}

interface RecordProps {
  /** Stands before it: an avatar, an icon. */
  lead?: ReactNode;
  title: ReactNode;
  /** Second line. */
  text?: ReactNode;
  badges?: ReactNode;
  facts?: readonly (Fact | undefined)[];
  actions?: ReactNode;
  /** On a phone they stand below. */
  areActionsWide?: boolean;
}

/** An item of a list of records. */
export function RecordItem({ lead, title, text, badges, facts, actions, areActionsWide = false }: RecordProps) {
  const known = facts?.filter((fact) => fact !== undefined) ?? [];
  return (
    <>
      {lead}
      <div className={styles.body}>
        <div className={styles.head}>
          <span className={styles.title}>{title}</span>
          {badges}
        </div>
        {text !== undefined && <div className={styles.text}>{text}</div>}
        {known.length > 0 && (
          <dl className={styles.facts}>
            {known.map(({ label, value }) => (
              <div key={label} className={styles.fact}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
      </div>
      {actions !== undefined && (
        <div className={`${styles.actions} ${areActionsWide ? styles.wide : ''}`}>{actions}</div>
      )}
    </>
  );
}

type BadgeKind = 'plain' | 'good' | 'warning' | 'danger';

export function Badge({ kind = 'plain', children }: { kind?: BadgeKind; children: ReactNode }) {
  return <span className={`${styles.badge} ${styles[kind]}`}>{children}</span>;
}

function LoadingRecords() {
  return (
    <ul className={styles.list} aria-label="Loading">
      {[180, 120, 150].map((width) => (
        <li key={width} className={styles.record}>
          <div className={styles.body}>
            <Skeleton width={width} height={14} />
            <Skeleton width="min(280px, 70%)" />
          </div>
        </li>
      ))}
    </ul>
  );
}
