/** Who said nothing of it for this long has stopped. It is told each three seconds. */
export const TYPING_SHOWN_MS = 5_000;

/** Somebody who writes. */
export interface Typist {
  readonly userId: string;
  readonly name: string;
  readonly atMs: number;
}

/** Those who write, with one of whom it was just told, without those who have stopped. */
export function withTypist(
  known: readonly Typist[],
  typist: Typist | undefined,
  nowMs = typist?.atMs ?? 0,
): readonly Typist[] {
  const others = known.filter(({ userId, atMs }) => userId !== typist?.userId && nowMs - atMs < TYPING_SHOWN_MS);
  return typist === undefined ? others : [...others, typist];
}

export function typingText(typists: readonly Typist[]): string {
  const [first, second] = typists;
  if (first === undefined) return '';
  if (second === undefined) return `${first.name} is writing …`;
  return typists.length === 2 ? `${first.name} and ${second.name} are writing …` : 'Several people are writing …';
}
