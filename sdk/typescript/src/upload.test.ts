import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Client } from './client.ts';
import { codeOf } from './errors.ts';

/** What of an `XMLHttpRequest` an upload uses; the test plays the network. */
class FakeRequest {
  static last: FakeRequest;
  readonly upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
  readonly headers: Record<string, string> = {};
  status = 0;
  responseText = '';
  address = '';
  sent: unknown;
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  onloadend?: () => void;

  constructor() {
    FakeRequest.last = this;
  }
  open(method: string, url: string): void {
    this.address = `${method} ${url}`;
  }
  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }
  getResponseHeader(): string {
    return '2';
  }
  send(body: unknown): void {
    this.sent = body;
  }
  abort(): void {
    this.onabort?.();
    this.onloadend?.();
  }
  answer(status: number, body: string): void {
    this.status = status;
    this.responseText = body;
    this.onload?.();
    this.onloadend?.();
  }
}

beforeEach(() => vi.stubGlobal('XMLHttpRequest', FakeRequest));
afterEach(() => vi.unstubAllGlobals());

const client = new Client({ baseUrl: 'https://talk.example.org' });
const file = new File(['Agenda'], 'to do & more?.txt');
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

test('a file goes to its room under its name, and tells how far it is', async () => {
  const ratios: number[] = [];
  const uploaded = client.uploadAttachment('stand-up', file, { onProgress: (ratio) => ratios.push(ratio) });
  const request = FakeRequest.last;
  request.upload.onprogress?.({ loaded: 3, total: 6 });
  request.upload.onprogress?.({ loaded: 6, total: 6 });
  request.answer(201, '{"id":"1","name":"to do & more?.txt","type":"text/plain","sizeBytes":6}');
  expect((await uploaded).sizeBytes).toBe(6);
  expect(request.address).toBe(
    'POST https://talk.example.org/v1/rooms/stand-up/attachments?name=to+do+%26+more%3F.txt',
  );
  expect(request.sent).toBe(file);
  expect(ratios).toEqual([0.5, 1]);
});

test('a refusal is the one that the server wrote, and else says its status', async () => {
  const tooLarge = failure(client.uploadAttachment('stand-up', file));
  FakeRequest.last.answer(
    413,
    '{"status":413,"code":"too_large","title":"Too large","detail":"a file may have 5 bytes"}',
  );
  expect(await tooLarge).toMatchObject({ code: 'too_large', message: 'a file may have 5 bytes', retryAfterMs: 2000 });
  const strange = failure(client.uploadAttachment('stand-up', file));
  FakeRequest.last.answer(502, '<html>');
  expect(await strange).toMatchObject({ code: 'internal', message: 'The server answered with status 502' });
});

test('an upload is broken off, also before it began', async () => {
  const control = new AbortController();
  const running = failure(client.uploadAttachment('stand-up', file, { signal: control.signal }));
  const request = FakeRequest.last;
  control.abort();
  expect(codeOf(await running)).toBe('closed');
  expect(codeOf(await failure(client.uploadAttachment('stand-up', file, { signal: control.signal })))).toBe('closed');
  expect(FakeRequest.last).toBe(request);
});

test('a network that breaks is said so', async () => {
  const running = failure(client.uploadAttachment('stand-up', file));
  FakeRequest.last.onerror?.();
  expect(codeOf(await running)).toBe('network');
});

test('where a file is', () => {
  expect(client.attachmentUrl('a/b')).toBe('https://talk.example.org/v1/attachments/a%2Fb');
});
