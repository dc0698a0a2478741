import type { Chat, Message } from '@boltorezka/client';
import { type KeyboardEvent, useState } from 'react';
import { TextArea, TextField } from 'react-aria-components';
import { messageOf } from '../app/session.tsx';
import { Button } from '../ui/button.tsx';
import { useToast } from '../ui/toasts.tsx';
import styles from './message-item.module.css';

/** Longest message in characters, as the server demands. */
const LENGTH_MAX = 4_000;

interface MessageEditorProps {
  chat: Chat;
  message: Message;
  onClose: () => void;
}

/** An own message in the place where it stands: Enter saves, Escape leaves it as it was. */
export function MessageEditor({ chat, message, onClose }: MessageEditorProps) {
  const [text, setText] = useState(message.text ?? '');
  const [isBusy, setBusy] = useState(false);
  const toast = useToast();
  const save = async () => {
    const next = text.trim();
    if (isBusy || next === '') return;
    if (next === message.text) return onClose();
    setBusy(true);
    try {
      await chat.edit(message.id, next, message.mentions);
      onClose();
    } catch (error) {
      toast(messageOf(error), 'error');
      setBusy(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a character, the keys belong to it.
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape') onClose();
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    void save();
  };
  return (
    <div className={styles.editor}>
      <TextField aria-label="Edit message" value={text} onChange={setText} maxLength={LENGTH_MAX} autoFocus>
        <TextArea rows={2} className={styles.area ?? ''} onKeyDown={onKeyDown} />
      </TextField>
      <div className={styles.reactions}>
        <Button size="small" isBusy={isBusy} isDisabled={text.trim() === ''} onPress={() => void save()}>
          Save
        </Button>
        <Button size="small" variant="quiet" onPress={onClose}>
          Cancel
        </Button>
      </div>
    </div>
  );
}
