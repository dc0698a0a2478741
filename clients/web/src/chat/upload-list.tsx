import { CircleAlert, Paperclip, RotateCw, X } from 'lucide-react';
import { ProgressBar } from 'react-aria-components';
import { IconButton } from '../ui/button.tsx';
import { sizeText } from './sizes.ts';
import styles from './upload-list.module.css';
import type { UploadItem, Uploads } from './uploads.ts';

/** The files that are to go with the message that is being written. */
export function UploadList({ uploads }: { uploads: Uploads }) {
  if (uploads.items.length === 0) return null;
  return (
    <ul className={styles.list} aria-label="Files to send">
      {uploads.items.map((item) => (
        <li key={item.key} className={styles.item}>
          {item.state === 'failed' ? (
            <CircleAlert size={16} className={styles.failed} aria-hidden="true" />
          ) : (
            <Paperclip size={16} aria-hidden="true" />
          )}
          <div className={styles.body}>
            <span className={styles.name}>{item.file.name}</span>
            <State item={item} />
          </div>
          {item.refusal?.mayRetry && (
            <IconButton label={`Try ${item.file.name} again`} onPress={() => uploads.retry(item.key)}>
              <RotateCw size={16} />
            </IconButton>
          )}
          <IconButton label={`Take ${item.file.name} away`} onPress={() => uploads.remove(item.key)}>
            <X size={16} />
          </IconButton>
        </li>
      ))}
    </ul>
  );
}

function State({ item }: { item: UploadItem }) {
  switch (item.state) {
    case 'failed':
      return (
        <span role="alert" className={styles.failed}>
          {item.refusal?.error}
        </span>
      );
    case 'done':
      return <span className={styles.text}>{sizeText(item.file.size)}</span>;
    case 'waiting':
      return <span className={styles.text}>Waits</span>;
    default:
      return (
        <ProgressBar
          aria-label={`Uploading ${item.file.name}`}
          value={item.ratio * 100}
          className={styles.progress ?? ''}
        >
          {({ percentage = 0 }) => <span style={{ width: `${percentage}%` }} />}
        </ProgressBar>
      );
  }
}
