import type { Message, PageOptions } from '@boltorezka/client';
import { Search } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, useCallback, useState } from 'react';
import { Input, TextField } from 'react-aria-components';
import { usePaged } from '../app/paged.ts';
import { client } from '../app/session.tsx';
import { IconButton } from '../ui/button.tsx';
import { RecordItem, Records } from '../ui/records.tsx';
import { timeText } from '../ui/times.ts';
import { Attachments } from './attachments.tsx';
import { MessageText } from './message-text.tsx';
import styles from './search-panel.module.css';

/** Longest text that is searched for, as the server demands. */
const LENGTH_MAX = 200;

/** Looks for messages of a room: Enter searches, Escape closes. Until then it lists what is pinned. */
export function SearchPanel({ slug, onClose }: { slug: string; onClose(): void }) {
  const [text, setText] = useState('');
  const [words, setWords] = useState('');
  // Where the focus was, and goes back to.
  const [opener] = useState(() => document.activeElement);

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    setWords(text.trim());
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || event.nativeEvent.isComposing) return;
    onClose();
    if (opener instanceof HTMLElement) opener.focus();
  };
  return (
    <search className={styles.panel}>
      <form className={styles.form} onSubmit={onSubmit}>
        <TextField
          aria-label="Words to look for"
          value={text}
          onChange={setText}
          maxLength={LENGTH_MAX}
          className={styles.field ?? ''}
          autoFocus
        >
          <Input
            className={styles.input ?? ''}
            placeholder="Words to look for"
            enterKeyHint="search"
            onKeyDown={onKeyDown}
          />
        </TextField>
        <IconButton type="submit" label="Search" isDisabled={text.trim() === ''}>
          <Search size={18} />
        </IconButton>
      </form>
      <div className={styles.results}>
        {words === '' ? (
          <>
            <p className={styles.hint}>Messages of this room are found by how their words begin.</p>
            <Pinned slug={slug} />
          </>
        ) : (
          <Results key={words} slug={slug} words={words} />
        )}
      </div>
    </search>
  );
}

function Results({ slug, words }: { slug: string; words: string }) {
  const load = useCallback((page: PageOptions) => client.searchMessages(slug, words, page), [slug, words]);
  const found = usePaged(load);
  return (
    <Records
      label="Messages found"
      empty="Nothing was found. Try other words, or fewer."
      keyOf={(message: Message) => message.id}
      {...found}
    >
      {(message) => <Found message={message} />}
    </Records>
  );
}

/** What is pinned, newest pin first. */
function Pinned({ slug }: { slug: string }) {
  const pinned = usePaged(useCallback(() => client.pins(slug), [slug]));
  if (pinned.items?.length === 0) return null;
  return (
    <>
      <h3 className={styles.heading}>Pinned</h3>
      <Records label="Pinned messages" empty="" keyOf={(message: Message) => message.id} {...pinned}>
        {(message) => <Found message={message} />}
      </Records>
    </>
  );
}

function Found({ message }: { message: Message }) {
  return (
    <RecordItem
      title={message.senderName}
      badges={
        <time dateTime={message.createdAt} className={styles.time}>
          {timeText(message.createdAt)}
        </time>
      }
      text={
        <>
          <MessageText text={message.text ?? ''} />
          <Attachments attachments={message.attachments} />
        </>
      }
    />
  );
}
