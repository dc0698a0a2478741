/** Longest name of a room in addresses, as the server demands. */
const SLUG_LENGTH_MAX = 48;

/** Shortest one. */
const SLUG_LENGTH_MIN = 3;

/** A name for addresses made from a title: "Stand-up, Monday" becomes "stand-up-monday". */
export function slugOf(title: string): string {
  const slug = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_LENGTH_MAX)
    .replace(/^-+|-+$/g, '');
  if (slug === '' || slug.length >= SLUG_LENGTH_MIN) return slug;
  return `room-${slug}`;
}
