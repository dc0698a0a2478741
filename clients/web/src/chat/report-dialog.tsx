import type { Message } from '@boltorezka/client';
import { Form } from 'react-aria-components';
import { client } from '../app/session.tsx';
import { useSubmit } from '../pages/use-submit.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions } from '../ui/dialog.tsx';
import { FormError, TextField } from '../ui/field.tsx';
import { useToast } from '../ui/toasts.tsx';
import styles from './report-dialog.module.css';

/** Longest reason in characters, as the server demands. */
const REASON_MAX = 1_000;

interface ReportDialogProps {
  message: Message;
  isOpen: boolean;
  onClose(): void;
}

/** Tells the admins of the workspace of a message, with a word why. */
export function ReportDialog({ message, isOpen, onClose }: ReportDialogProps) {
  return (
    <Dialog title={`Report the message of ${message.senderName}`} isOpen={isOpen} onClose={onClose}>
      <ReportForm message={message} onClose={onClose} />
    </Dialog>
  );
}

function ReportForm({ message, onClose }: Omit<ReportDialogProps, 'isOpen'>) {
  const toast = useToast();
  const { error, isPending, onSubmit } = useSubmit(async (value) => {
    await client.reportMessage(message.room, message.id, value('reason').trim());
    onClose();
    toast('The admins are told.');
  });
  return (
    <Form className={styles.form ?? ''} onSubmit={onSubmit}>
      <p>The admins see this message, with who sent it and who reports it, and nothing else of what was said.</p>
      <FormError>{error}</FormError>
      <TextField label="Why" name="reason" isRequired inputProps={{ maxLength: REASON_MAX }} />
      <DialogActions>
        <Button variant="secondary" onPress={onClose}>
          Cancel
        </Button>
        <Button type="submit" variant="danger" isBusy={isPending}>
          Report
        </Button>
      </DialogActions>
    </Form>
  );
}
