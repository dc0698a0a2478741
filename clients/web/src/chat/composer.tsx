import type { Chat } from '@boltorezka/client';
import { SendHorizontal } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { Button, TextArea, TextField } from 'react-aria-components';
import { messageOf } from '../app/session.tsx';
import { useToast } from '../ui/toasts.tsx';
import styles from './composer.module.css';

/** Longest message in characters, as the server demands. */
const LENGTH_MAX = 4_000;

/** Where a message is written: Enter sends, Shift and Enter makes a new line. */
export function Composer({ chat }: { chat: Chat }) {
  const [text, setText] = useState('');
  const area = useRef<HTMLTextAreaElement>(null);
  const toast = useToast();
  useGrowing(area, text);

  const send = () => {
    if (text.trim() === '') return;
    try {
      chat.send(text.trim());
      setText('');
    } catch (error) {
      toast(messageOf(error), 'error');
    }
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send();
    area.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form className={styles.composer} onSubmit={onSubmit}>
      <TextField
        aria-label="Message"
        value={text}
        onChange={setText}
        maxLength={LENGTH_MAX}
        className={styles.field ?? ''}
      >
        <TextArea
          ref={area}
          rows={1}
          placeholder="Write a message"
          className={styles.area ?? ''}
          onKeyDown={onKeyDown}
          enterKeyHint="send"
        />
      </TextField>
      <Button type="submit" aria-label="Send" isDisabled={text.trim() === ''} className={styles.send ?? ''}>
        <SendHorizontal size={18} />
      </Button>
    </form>
  );
}

/** Lets the field grow with its text; the style sheet sets the limit. */
function useGrowing(area: { current: HTMLTextAreaElement | null }, text: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useEffect(() => {
    const element = area.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);
}
