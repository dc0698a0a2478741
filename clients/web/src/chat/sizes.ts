const KIB = 1024;
const MIB = 1024 * KIB;

/** How large a file is, as people say it: 48213 → 47 KB. */
export function sizeText(bytes: number): string {
  if (bytes < KIB) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  // Rounded up to a whole unit it belongs to the next one.
  if (Math.round(bytes / KIB) < KIB) return `${Math.round(bytes / KIB)} KB`;
  return `${(bytes / MIB).toFixed(1)} MB`;
}
