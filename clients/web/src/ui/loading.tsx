import { ProgressBar } from 'react-aria-components';
import styles from './loading.module.css';

export function Spinner({ label }: { label: string }) {
  return (
    <ProgressBar isIndeterminate aria-label={label} className={styles.spinner ?? ''}>
      <span />
    </ProgressBar>
  );
}

export function LoadingScreen() {
  return (
    <main className={styles.screen}>
      <Spinner label="Loading" />
    </main>
  );
}

/** A grey bar in the place of a text that is on its way. */
export function Skeleton({ width, height = 12 }: { width: number | string; height?: number }) {
  return <span aria-hidden="true" className={styles.skeleton} style={{ width, height }} />;
}
