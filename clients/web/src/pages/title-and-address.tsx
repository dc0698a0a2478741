import { useState } from 'react';
import { TextField } from '../ui/field.tsx';
import { slugOf } from './slug.ts';

/** The fields `title` and `slug` of something new: an address that nobody wrote follows the title. */
export function TitleAndAddress() {
  const [title, setTitle] = useState('');
  const [ownSlug, setOwnSlug] = useState<string>();
  return (
    <>
      <TextField label="Title" name="title" value={title} onChange={setTitle} maxLength={120} isRequired autoFocus />
      <TextField
        label="Address"
        name="slug"
        value={ownSlug ?? slugOf(title)}
        onChange={setOwnSlug}
        description="Lower-case letters, digits and hyphens, 3 to 48 of them"
        minLength={3}
        maxLength={48}
        pattern="[a-z0-9\-]+"
        isRequired
      />
    </>
  );
}
