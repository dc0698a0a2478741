/** Names of permissions that somebody has by custom roles, whatever their other roles are. */
export type Granted = ReadonlySet<string>;

export const NOTHING_GRANTED: Granted = new Set();
