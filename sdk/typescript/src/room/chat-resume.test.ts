import { expect, test, vi } from 'vitest';
import type { ChatDelta, Message } from '../proto.ts';
import type { Gateway } from '../realtime/gateway.ts';
import { Chat } from './chat.ts';

const message = (seq: number, more: Partial<Message> = {}): Message => ({
  id: `m${seq}`,
  room: 'abc',
  seq,
  senderId: 'u',
  senderName: 'U',
  text: `text ${seq}`,
  createdAt: '2026-11-21T09:30:00.000Z',
  ...more,
});

const delta = (seq: number, messages: Message[], more: Partial<ChatDelta> = {}): ChatDelta => ({
  room: 'abc',
  snapshot: false,
  messages,
  seq,
  hasMore: false,
  firstSeq: 0,
  ...more,
});

/** A chat whose server gives these answers, and what it was asked. */
function chatOf(...answers: (ChatDelta | (() => ChatDelta))[]) {
  const asked: unknown[] = [];
  const read: unknown[] = [];
  const older = vi.fn();
  const gateway = {
    user: { id: 'me' },
    client: { messages: older },
    request: (type: string, payload: { seq?: number }) => {
      if (type === 'message.read') {
        read.push(payload.seq);
        return Promise.resolve({});
      }
      if (type !== 'sync.resume') return Promise.reject(new Error(type));
      asked.push(payload.seq);
      const answer = answers.shift();
      if (!answer) return Promise.reject(new Error('asked once too often'));
      return Promise.resolve(typeof answer === 'function' ? answer() : answer);
    },
  } as unknown as Gateway;
  const chat = new Chat(gateway, 'abc');
  return { chat, asked, read, older, texts: () => chat.messages.map((entry) => entry.text) };
}

const newest = (seq: number, messages: Message[], nextCursor?: string) =>
  delta(seq, messages, nextCursor === undefined ? { snapshot: true } : { snapshot: true, nextCursor });

test('after a break it asks for what follows its last number, until there is no more', async () => {
  const { chat, asked, texts } = chatOf(
    newest(2, [message(1), message(2)]),
    delta(4, [message(1, { text: 'edited', changedSeq: 4 })], { hasMore: true }),
    delta(5, [message(5)]),
  );
  await chat.catchUp();
  chat.receive(message(3));
  await chat.catchUp();
  expect(asked).toEqual([undefined, 3, 4]);
  expect(texts()).toEqual(['edited', 'text 2', 'text 3', 'text 5']);
});

test('a number that is missing is asked for', async () => {
  const { chat, asked, texts } = chatOf(newest(1, [message(1)]), delta(3, [message(2), message(3)]));
  await chat.catchUp();
  chat.receive(message(3));
  await vi.waitFor(() => expect(texts()).toEqual(['text 1', 'text 2', 'text 3']));
  expect(asked).toEqual([undefined, 1]);
});

test('what is told beside a snapshot is not lost, and nothing is there twice', async () => {
  const { chat, asked, texts } = chatOf(
    () => {
      chat.receive(message(3));
      return newest(2, [message(1), message(2)]);
    },
    delta(3, [message(3)]),
  );
  await chat.catchUp();
  expect(asked).toEqual([undefined, 2]);
  expect(texts()).toEqual(['text 1', 'text 2', 'text 3']);
});

test('too far behind, it starts anew', async () => {
  const { chat, texts } = chatOf(newest(2, [message(2)]), newest(5_000, [message(4_999), message(5_000)], '4999'));
  await chat.catchUp();
  await chat.catchUp();
  expect(texts()).toEqual(['text 4999', 'text 5000']);
  expect(chat.hasMore).toBe(true);
});

test('a change of what is not loaded leaves no hole, and its page does not bring the old state back', async () => {
  const { chat, older, texts } = chatOf(newest(9, [message(8), message(9)], '8'));
  await chat.catchUp();
  chat.receiveChange(message(3, { text: 'edited', changedSeq: 10 }));
  expect(texts()).toEqual(['text 8', 'text 9']);
  older.mockImplementation(() => {
    chat.receiveChange(message(4, { text: 'edited', changedSeq: 11 }));
    return Promise.resolve({ items: [message(4), message(3, { text: 'edited', changedSeq: 10 })] });
  });
  await chat.loadMore();
  expect(texts()).toEqual(['edited', 'edited', 'text 8', 'text 9']);
  expect(chat.hasMore).toBe(false);
});

test('what fails is tried again by hand', async () => {
  const { chat } = chatOf();
  await chat.catchUp();
  expect(chat.loadError?.code).toBe('network');
  expect(chat.isLoaded).toBe(false);
});

test('a busy room is said to be read once in a while', async () => {
  vi.useFakeTimers();
  const { chat, read } = chatOf(newest(1, [message(1)]));
  chat.isRead = true;
  await chat.catchUp();
  chat.markRead();
  for (const seq of [2, 3, 4]) chat.receive(message(seq));
  expect(read).toEqual([1]);
  vi.advanceTimersByTime(3_000);
  expect(read).toEqual([1, 4]);
  vi.advanceTimersByTime(30_000);
  expect(read).toEqual([1, 4]);
  chat.isRead = false;
  chat.receive(message(5));
  vi.advanceTimersByTime(30_000);
  expect(read).toEqual([1, 4]);
  vi.useRealTimers();
});

test('what the room does not keep any more goes', async () => {
  const { chat, asked, texts } = chatOf(newest(3, [message(1), message(2), message(3)]));
  await chat.catchUp();
  chat.trim(3);
  expect(texts()).toEqual(['text 3']);
  chat.trim(2);
  chat.receive(message(4));
  expect(texts()).toEqual(['text 3', 'text 4']);
  expect(asked).toEqual([undefined]);
});
