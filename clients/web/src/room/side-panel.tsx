import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { IconButton } from '../ui/button.tsx';
import styles from './room-view.module.css';

export function SidePanel({ title, onClose, children }: { title: string; onClose(): void; children: ReactNode }) {
  return (
    <aside className={styles.panel} aria-label={title}>
      <header className={styles.panelHeader}>
        <h2>{title}</h2>
        <IconButton label="Close panel" onPress={onClose}>
          <X size={18} />
        </IconButton>
      </header>
      {children}
    </aside>
  );
}
