import { type Attachment, BoltorezkaError, type UploadOptions } from '@boltorezka/client';
import { expect, test } from 'vitest';
import { FILES_MAX, Uploads } from './uploads.ts';

/** Uploads whose server answers when the test says so. */
function uploadsOf() {
  const running = new Map<
    string,
    { done(): Promise<void>; fail(error: Error): Promise<void>; progress(ratio: number): void }
  >();
  const begun: string[] = [];
  const settled = () => new Promise<void>((resolve) => setTimeout(resolve));
  const uploads = new Uploads(({ name }: File, { onProgress, signal }: UploadOptions) => {
    begun.push(name);
    return new Promise<Attachment>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new BoltorezkaError('closed', 'broken off')));
      running.set(name, {
        progress: (ratio) => onProgress?.(ratio),
        done: () => {
          resolve({ id: `id of ${name}`, name, type: 'text/plain', sizeBytes: 1 });
          return settled();
        },
        fail: (error) => {
          reject(error);
          return settled();
        },
      });
    });
  });
  const states = () => uploads.items.map(({ file, state }) => `${file.name} ${state}`);
  return { uploads, running, begun, states, settled };
}

const files = (...names: string[]) => names.map((name) => new File(['x'], name));

test('two go at a time, and a message takes them in the order of their choice', async () => {
  const { uploads, running, states } = uploadsOf();
  uploads.add(files('a', 'b', 'c'));
  expect(states()).toEqual(['a running', 'b running', 'c waiting']);
  await running.get('b')?.done();
  expect(states()).toEqual(['a running', 'b done', 'c running']);
  expect(uploads.isReady).toBe(false);
  await running.get('c')?.done();
  await running.get('a')?.done();
  expect(uploads.isReady).toBe(true);
  expect(uploads.attachments.map(({ id }) => id)).toEqual(['id of a', 'id of b', 'id of c']);
});

test('it tells how far each is', () => {
  const { uploads, running } = uploadsOf();
  uploads.add(files('a'));
  const before = uploads.version;
  running.get('a')?.progress(0.4);
  expect(uploads.items[0]?.ratio).toBe(0.4);
  expect(uploads.version).toBeGreaterThan(before);
});

test('what was taken away is broken off and makes place for the next', async () => {
  const { uploads, states, begun, settled } = uploadsOf();
  uploads.add(files('a', 'b', 'c'));
  uploads.remove(uploads.items[0]?.key ?? 0);
  await settled();
  expect(states()).toEqual(['b running', 'c running']);
  expect(begun).toEqual(['a', 'b', 'c']);
  uploads.clear();
  await settled();
  expect(states()).toEqual([]);
});

test('a refusal stays with its reason until it is tried again', async () => {
  const { uploads, running, states } = uploadsOf();
  uploads.add(files('a'));
  await running.get('a')?.fail(new BoltorezkaError('network', 'The upload broke off.'));
  expect(uploads.items[0]).toMatchObject({
    state: 'failed',
    refusal: { error: 'The upload broke off.', mayRetry: true },
  });
  expect(uploads.isReady).toBe(false);
  uploads.retry(uploads.items[0]?.key ?? 0);
  expect(states()).toEqual(['a running']);
  expect(uploads.items[0]).not.toHaveProperty('refusal');
  await running.get('a')?.done();
  expect(uploads.isReady).toBe(true);
});

test('a message has ten files at most: how many were left out is said', () => {
  const { uploads } = uploadsOf();
  expect(uploads.add(files(...'abcdefgh'))).toBe(0);
  expect(uploads.add(files('i', 'j', 'k', 'l'))).toBe(2);
  expect(uploads.items).toHaveLength(FILES_MAX);
  expect(uploads.add(files('m'))).toBe(1);
});
