import { Keyboard } from 'react-aria-components';
import { Dialog } from '../ui/dialog.tsx';
import styles from './shortcuts-dialog.module.css';
import { SHORTCUTS, useKey } from './use-shortcuts.ts';

interface ShortcutsDialogProps {
  isOpen: boolean;
  onOpen(): void;
  onClose(): void;
}

/** The keys; `?` opens it. */
export function ShortcutsDialog({ isOpen, onOpen, onClose }: ShortcutsDialogProps) {
  useKey('?', onOpen);
  return (
    <Dialog title="Keyboard shortcuts" isOpen={isOpen} onClose={onClose}>
      <dl className={styles.list}>
        {SHORTCUTS.map(({ key, text }) => (
          <div key={key} className={styles.row}>
            <dt>{text}</dt>
            <dd>
              <Keyboard className={styles.key ?? ''}>{key}</Keyboard>
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
