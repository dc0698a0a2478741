import type { Attachment } from '@boltorezka/client';
import { FileText } from 'lucide-react';
import { client } from '../app/session.tsx';
import { isPicture } from './attachment-kinds.ts';
import styles from './attachments.module.css';
import { sizeText } from './sizes.ts';

/** The files of a message: pictures are shown small, others are links. */
export function Attachments({ attachments }: { attachments: readonly Attachment[] | undefined }) {
  if (attachments === undefined || attachments.length === 0) return null;
  return (
    <ul className={styles.list} aria-label="Files">
      {attachments.map((attachment) => (
        <li key={attachment.id}>
          {isPicture(attachment) ? <Picture attachment={attachment} /> : <OtherFile attachment={attachment} />}
        </li>
      ))}
    </ul>
  );
}

function Picture({ attachment: { id, name } }: { attachment: Attachment }) {
  const url = client.attachmentUrl(id);
  return (
    <a href={url} target="_blank" rel="noopener" title={name} className={styles.picture}>
      <img src={url} alt={name} loading="lazy" />
    </a>
  );
}

function OtherFile({ attachment: { id, name, sizeBytes } }: { attachment: Attachment }) {
  return (
    <a href={client.attachmentUrl(id)} download={name} className={styles.file}>
      <FileText size={18} aria-hidden="true" />
      <span className={styles.name}>{name}</span>
      <span className={styles.size}>{sizeText(sizeBytes)}</span>
    </a>
  );
}
