/** Most people that a message can mention, as the server demands. */
const MENTIONS_MAX = 20;

/** Somebody who can be mentioned. */
export interface Mentionable {
  userId: string;
  name: string;
}

/** Whom a text mentions: `@` and their name, whole. Case does not count; the longest name that fits counts. */
export function mentionsIn(text: string, people: readonly Mentionable[]): string[] {
  const lower = text.toLowerCase();
  const byLength = people.toSorted((a, b) => b.name.length - a.name.length);
  const found = new Set<string>();
  for (let at = lower.indexOf('@'); at >= 0; at = lower.indexOf('@', at + 1)) {
    if (isWord(lower[at - 1])) continue;
    const names = (name: string) => lower.startsWith(name, at + 1) && !isWord(lower[at + 1 + name.length]);
    const longest = byLength.find(({ name }) => names(name.toLowerCase()))?.name.toLowerCase();
    // Names are not unique: who has it is mentioned.
    for (const { name, userId } of people) if (name.toLowerCase() === longest) found.add(userId);
  }
  return [...found].slice(0, MENTIONS_MAX);
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}
