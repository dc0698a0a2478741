import type { Chat, Message } from '@boltorezka/client';
import { Paperclip, SendHorizontal, X } from 'lucide-react';
import {
  type ClipboardEvent,
  type DragEvent,
  type FormEvent,
  type KeyboardEvent,
  useEffect,
  useRef,
  useState,
} from 'react';
import { Button, FileTrigger, TextArea, TextField } from 'react-aria-components';
import { useObservable } from '../app/hooks.ts';
import { client, messageOf } from '../app/session.tsx';
import { IconButton } from '../ui/button.tsx';
import { useToast } from '../ui/toasts.tsx';
import styles from './composer.module.css';
import { type Mentionable, mentionsIn } from './mentions.ts';
import { UploadList } from './upload-list.tsx';
import { FILES_MAX, Uploads } from './uploads.ts';

/** Longest message in characters, as the server demands. */
const LENGTH_MAX = 4_000;

interface ComposerProps {
  chat: Chat;
  /** The room, for its files. */
  slug: string;
  /** Who can be mentioned. */
  people: readonly Mentionable[];
  /** What is answered. */
  replyTo: Message | undefined;
  /** Nothing is answered any more. */
  onReplyEnd(): void;
}

/** Where a message is written: Enter sends, Shift and Enter makes a new line. Files are chosen, dropped or pasted. */
export function Composer({ chat, slug, people, replyTo, onReplyEnd }: ComposerProps) {
  const [text, setText] = useState('');
  const [isDropTarget, setDropTarget] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const toast = useToast();
  const uploads = useUploads(slug);
  useGrowing(area, text);
  const replyToId = replyTo?.id;
  useEffect(() => {
    if (replyToId !== undefined) area.current?.focus();
  }, [replyToId]);

  const hasFiles = uploads.items.length > 0;
  const maySend = text.trim() !== '' && uploads.isReady;
  const send = () => {
    if (!maySend) return;
    const mentions = mentionsIn(text, people);
    const { attachments } = uploads;
    try {
      chat.send(text.trim(), {
        ...(replyTo === undefined ? {} : { replyTo: replyTo.id }),
        ...(mentions.length > 0 ? { mentions } : {}),
        ...(attachments.length > 0 ? { attachments } : {}),
      });
      setText('');
      uploads.clear();
      onReplyEnd();
    } catch (error) {
      toast(messageOf(error), 'error');
    }
  };
  const attach = (files: Iterable<File>) => {
    if (uploads.add([...files]) > 0) toast(`A message has ${FILES_MAX} files at most.`, 'error');
    area.current?.focus();
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send();
    area.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && replyTo !== undefined) onReplyEnd();
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const onPaste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    attach(event.clipboardData.files);
  };
  const onDragOver = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes('Files')) return;
    event.preventDefault();
    setDropTarget(true);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setDropTarget(false);
    attach(event.dataTransfer.files);
  };
  return (
    <form
      className={isDropTarget ? styles.dropTarget : styles.form}
      onSubmit={onSubmit}
      onDragOver={onDragOver}
      onDragLeave={() => setDropTarget(false)}
      onDrop={onDrop}
    >
      {replyTo !== undefined && (
        <div className={styles.reply}>
          <p>{`Answer to ${replyTo.senderName}: ${replyTo.text ?? ''}`}</p>
          <IconButton label="Answer nobody" onPress={onReplyEnd}>
            <X size={16} />
          </IconButton>
        </div>
      )}
      <UploadList uploads={uploads} />
      {hasFiles && text.trim() === '' && <p className={styles.hint}>Write a word about it, then send.</p>}
      <div className={styles.composer}>
        <FileTrigger allowsMultiple onSelect={(files) => attach(files ?? [])}>
          <IconButton label="Attach files">
            <Paperclip size={18} />
          </IconButton>
        </FileTrigger>
        <TextField
          aria-label="Message"
          value={text}
          onChange={(changed) => {
            setText(changed);
            if (changed.trim() !== '') chat.typing();
          }}
          maxLength={LENGTH_MAX}
          className={styles.field ?? ''}
        >
          <TextArea
            ref={area}
            rows={1}
            placeholder="Write a message"
            className={styles.area ?? ''}
            onKeyDown={onKeyDown}
            onPaste={onPaste}
            enterKeyHint="send"
          />
        </TextField>
        <Button type="submit" aria-label="Send" isDisabled={!maySend} className={styles.send ?? ''}>
          <SendHorizontal size={18} />
        </Button>
      </div>
    </form>
  );
}

/** The files of the message; who leaves takes them along. */
function useUploads(slug: string): Uploads {
  const [uploads] = useState(() => new Uploads((file, options) => client.uploadAttachment(slug, file, options)));
  useEffect(() => () => uploads.clear(), [uploads]);
  return useObservable(uploads);
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
