/** Sends a request below `/v1` as the signed-in account; rejects with a `BoltorezkaError`. */
export type Send = <T>(method: string, path: string, body?: unknown) => Promise<T>;

export interface PageOptions {
  /** `nextCursor` of the page before. */
  cursor?: string;
  /** Most items to return; the server has a limit of its own. */
  limit?: number;
}

/** `?name=value` for each that is there, or nothing. */
export function query(values: object): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

/** A path of parts that may hold anything. */
export function path(...parts: string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('');
}
