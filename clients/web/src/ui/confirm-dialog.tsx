import { type ReactNode, useState } from 'react';
import { messageOf } from '../app/session.tsx';
import { Button } from './button.tsx';
import { Dialog, DialogActions } from './dialog.tsx';
import { FormError } from './field.tsx';

interface ConfirmDialogProps {
  title: string;
  /** What the button says that does it. */
  confirm: string;
  isDangerous?: boolean;
  isOpen: boolean;
  onClose(): void;
  /** What is done. The dialog closes when it went well, and shows what went wrong else. */
  onConfirm(): Promise<void>;
  children: ReactNode;
}

/** Asks once more before something that cannot be taken back. */
export function ConfirmDialog({ title, isOpen, onClose, ...props }: ConfirmDialogProps) {
  return (
    <Dialog title={title} role="alertdialog" isOpen={isOpen} onClose={onClose}>
      <ConfirmBody {...props} onClose={onClose} />
    </Dialog>
  );
}

function ConfirmBody(props: Omit<ConfirmDialogProps, 'title' | 'isOpen'>) {
  const { confirm, isDangerous = false, onClose, onConfirm, children } = props;
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const act = async () => {
    if (isBusy) return;
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm();
      onClose();
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(false);
    }
  };
  return (
    <>
      {children}
      <FormError>{error}</FormError>
      <DialogActions>
        <Button variant="secondary" onPress={onClose}>
          Cancel
        </Button>
        <Button variant={isDangerous ? 'danger' : 'primary'} isBusy={isBusy} onPress={() => void act()}>
          {confirm}
        </Button>
      </DialogActions>
    </>
  );
}
