import { BoltorezkaError } from './errors.ts';
import { problemOf } from './problem.ts';

/** The server gives an upload no longer. */
const UPLOAD_TIMEOUT_MS = 600_000;

export interface UploadOptions {
  /** Told as it goes, from 0 to 1. */
  onProgress?(ratio: number): void;
  /** Breaks it off: it rejects with `closed`. */
  signal?: AbortSignal;
}

/** Sends a file as the body of a POST and gives the answer. `fetch` says nothing of how far it is. */
export function upload<T>(
  url: string,
  file: Blob,
  headers: Record<string, string>,
  options: UploadOptions = {},
): Promise<T> {
  const { onProgress, signal } = options;
  return new Promise((resolve, reject) => {
    const closed = () => reject(new BoltorezkaError('closed', 'The upload was broken off.'));
    if (signal?.aborted) return closed();
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open('POST', url);
    request.timeout = UPLOAD_TIMEOUT_MS;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress?.(total > 0 ? loaded / total : 0);
    request.onload = () => {
      if (request.status < 200 || request.status >= 300) {
        return reject(problemOf(request.status, request.getResponseHeader('retry-after'), request.responseText));
      }
      try {
        resolve(JSON.parse(request.responseText) as T);
      } catch {
        reject(problemOf(request.status, null, request.responseText));
      }
    };
    request.onerror = () => {
      // A server that refuses a body early may close the connection before its answer is read.
      const message = 'The upload broke off. The file may be too large, or the network is gone. Try again.';
      reject(new BoltorezkaError('network', message));
    };
    request.ontimeout = () => reject(new BoltorezkaError('timeout', 'The upload took too long. Try a smaller file.'));
    request.onabort = closed;
    request.onloadend = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort);
    request.send(file);
  });
}
