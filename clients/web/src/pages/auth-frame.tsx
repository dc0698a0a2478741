import type { ReactNode } from 'react';
import { Logo } from '../ui/logo.tsx';
import styles from './auth-frame.module.css';

interface AuthFrameProps {
  title: string;
  text?: string;
  children: ReactNode;
  footer?: ReactNode;
}

/** The card in the middle of the pages before the log-in. */
export function AuthFrame({ title, text, children, footer }: AuthFrameProps) {
  return (
    <main className={styles.page}>
      <div className={styles.brand}>
        <Logo size={34} />
        <span>Boltorezka</span>
      </div>
      <section className={styles.card} aria-labelledby="auth-title">
        <h1 id="auth-title" className={styles.title}>
          {title}
        </h1>
        {text !== undefined && <p className={styles.text}>{text}</p>}
        {children}
      </section>
      {footer !== undefined && <p className={styles.footer}>{footer}</p>}
    </main>
  );
}
