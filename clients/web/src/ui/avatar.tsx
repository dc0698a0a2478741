import styles from './avatar.module.css';

/** Colours for avatars: dark enough for white letters (at least 4.5 : 1). */
const COLORS = ['#0f6d66', '#3c5a9a', '#7a4a8c', '#9a4a3c', '#5f6b1f', '#8a4468', '#2f6a86', '#7c5a1c'];

/** Up to two letters for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/u);
  const first = words[0] ?? '';
  const last = words.length > 1 ? (words.at(-1) ?? '') : '';
  return ([...first][0] ?? '?').concat([...last][0] ?? '').toLocaleUpperCase();
}

/** The same colour for the same person, everywhere. */
export function avatarColor(userId: string): string {
  let hash = 0;
  for (const char of userId) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return COLORS[hash % COLORS.length] ?? '#0f6d66';
}

interface AvatarProps {
  name: string;
  userId: string;
  size?: number;
}

/** Decoration: the name stands beside it, so the letters are not part of the text. */
export function Avatar({ name, userId, size = 32 }: AvatarProps) {
  const style = { width: size, height: size, fontSize: size * 0.38, background: avatarColor(userId) };
  return <span aria-hidden="true" className={styles.avatar} style={style} data-initials={initials(name)} />;
}
