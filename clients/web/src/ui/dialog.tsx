import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { IconButton } from './button.tsx';
import styles from './dialog.module.css';

interface DialogProps {
  title: string;
  isOpen: boolean;
  onClose(): void;
  /** `sheet` comes from the bottom and fills the width: for phones. */
  kind?: 'dialog' | 'sheet';
  role?: 'dialog' | 'alertdialog';
  children: ReactNode;
}

export function Dialog({ title, isOpen, onClose, kind = 'dialog', role = 'dialog', children }: DialogProps) {
  return (
    <ModalOverlay
      isOpen={isOpen}
      onOpenChange={(open) => open || onClose()}
      isDismissable={role === 'dialog'}
      className={`${styles.overlay} ${styles[kind]}`}
    >
      <Modal className={styles.modal ?? ''}>
        <AriaDialog role={role} className={styles.content ?? ''}>
          <header className={styles.header}>
            <Heading slot="title" className={styles.title ?? ''}>
              {title}
            </Heading>
            <IconButton label="Close" onPress={onClose}>
              <X size={18} />
            </IconButton>
          </header>
          <div className={styles.body}>{children}</div>
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}
