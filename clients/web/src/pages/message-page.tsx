import type { ReactNode } from 'react';
import { useTitle } from '../app/hooks.ts';
import { ButtonLink } from '../ui/button.tsx';
import { Logo } from '../ui/logo.tsx';
import styles from './message-page.module.css';

interface MessagePageProps {
  title: string;
  text: string;
  /** What can be done beside going back. */
  children?: ReactNode;
}

/** A page that has one thing to say. */
export function MessagePage({ title, text, children }: MessagePageProps) {
  useTitle(title);
  return (
    <main className={styles.page}>
      <Logo size={40} />
      <h1 className={styles.title}>{title}</h1>
      <p className={styles.text}>{text}</p>
      <div className={styles.actions}>
        {children}
        <ButtonLink href="/">Back to rooms</ButtonLink>
      </div>
    </main>
  );
}
