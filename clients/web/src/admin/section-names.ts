/** The admin pages, in the order of their links. */
export const SECTIONS = [
  'people',
  'workspaces',
  'rooms',
  'participants',
  'server',
  'outbox',
  'audit',
  'settings',
  'keys',
] as const;

export type Section = (typeof SECTIONS)[number];
