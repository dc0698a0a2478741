import { type ReactNode, useId } from 'react';
import styles from './account.module.css';

interface SectionProps {
  title: string;
  text?: string;
  children: ReactNode;
}

/** A part of the account page. */
export function Section({ title, text, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className={styles.section}>
      <h2 id={id}>{title}</h2>
      {text !== undefined && <p className={styles.text}>{text}</p>}
      {children}
    </section>
  );
}
