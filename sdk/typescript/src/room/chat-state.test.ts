import { describe, expect, test } from 'vitest';
import type { Message } from '../proto.ts';
import { ChatLog } from './chat-log.ts';
import { KEPT_MS, Outbox, type OutboxStorage, PENDING_MAX } from './outbox.ts';

const message = (id: string, second: number): Message => ({
  id,
  seq: second,
  room: 'abc',
  senderId: 'u',
  senderName: 'U',
  text: id,
  createdAt: `2026-11-21T09:30:${String(second).padStart(2, '0')}.000Z`,
});

class MemoryStorage implements OutboxStorage {
  readonly entries = new Map<string, string>();
  getItem(key: string): string | null {
    return this.entries.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.entries.set(key, value);
  }
  removeItem(key: string): void {
    this.entries.delete(key);
  }
}

describe('chat log', () => {
  test('keeps order and drops what it has', () => {
    const log = new ChatLog();
    expect(log.add([message('c', 3), message('b', 2)])).toBe(2);
    expect(log.add([message('b', 2), message('a', 1)])).toBe(1);
    expect(log.messages.map((entry) => entry.id)).toEqual(['a', 'b', 'c']);
  });

  test('a later change counts, whichever comes first', () => {
    const log = new ChatLog();
    const changed = { ...message('a', 1), changedSeq: 5, text: 'later' };
    log.add([changed, message('b', 2)]);
    expect(log.add([message('a', 1), { ...message('b', 2), changedSeq: 6, text: 'edited' }])).toBe(0);
    expect(log.messages.map((entry) => entry.text)).toEqual(['later', 'edited']);
  });

  test('starting anew forgets, and what was deleted for good goes', () => {
    const log = new ChatLog();
    log.add([message('a', 1), message('b', 2)]);
    log.reset([message('e', 9), message('d', 8)]);
    expect(log.messages.map((entry) => entry.id)).toEqual(['d', 'e']);
    log.dropBefore(9);
    expect(log.messages.map((entry) => entry.id)).toEqual(['e']);
    expect(log.has('d')).toBe(false);
  });
});

describe('outbox', () => {
  test('a failed message stays until it is tried again or given up', () => {
    const outbox = new Outbox('o', 0);
    outbox.add({ key: '1', text: 'one', createdAtMs: 0 });
    outbox.add({ key: '2', text: 'two', createdAtMs: 1 });
    outbox.fail('1', 'too long');
    expect(outbox.toSend.map((entry) => entry.key)).toEqual(['2']);
    expect(outbox.pending[0]).toMatchObject({ state: 'failed', error: 'too long' });
    outbox.retry('1');
    expect(outbox.toSend.map((entry) => entry.key)).toEqual(['1', '2']);
    expect(outbox.pending[0]).not.toHaveProperty('error');
    outbox.remove('1');
    expect(outbox.pending).toHaveLength(1);
  });

  test('survives a reload for a day under the same key', () => {
    const storage = new MemoryStorage();
    new Outbox('o', 0, storage).add({ key: 'k', text: 'hello', createdAtMs: 0 });
    expect(new Outbox('o', KEPT_MS - 1, storage).toSend).toEqual([
      { key: 'k', text: 'hello', createdAtMs: 0, state: 'sending' },
    ]);
    expect(new Outbox('o', KEPT_MS, storage).pending).toEqual([]);
  });

  test('keeps what a message has beside its text', () => {
    const storage = new MemoryStorage();
    const file = { id: 'f', name: 'plan.pdf', type: 'application/pdf', sizeBytes: 3 };
    const extras = { mentions: ['ben'], attachments: [file] };
    new Outbox('o', 0, storage).add({ key: 'k', text: 'hello', createdAtMs: 0, ...extras });
    expect(new Outbox('o', 1, storage).toSend).toMatchObject([extras]);
    storage.setItem('o', '[{"key":"k","text":"t","createdAtMs":1,"state":"sending","attachments":"f"}]');
    expect(new Outbox('o', 2, storage).pending).toEqual([]);
  });

  test('broken storage counts as empty', () => {
    const storage = new MemoryStorage();
    storage.setItem('o', '{"not":"a list"}');
    expect(new Outbox('o', 0, storage).pending).toEqual([]);
    storage.setItem('o', '[{"key":"n","createdAtMs":1},{"key":"k","text":"t","createdAtMs":1,"state":"sending"}]');
    expect(new Outbox('o', 2, storage).pending.map((entry) => entry.key)).toEqual(['k']);
  });

  test('is bounded', () => {
    const outbox = new Outbox('o', 0);
    for (let i = 0; i < PENDING_MAX; i += 1) outbox.add({ key: String(i), text: 't', createdAtMs: 0 });
    expect(outbox.isFull).toBe(true);
  });
});
