import { expect, test } from 'vitest';
import { Observable } from '../emitter.ts';
import { BoltorezkaError } from '../errors.ts';
import type { Room as RoomInfo, ServerMessage, Waiting } from '../proto.ts';
import type { Gateway } from '../realtime/gateway.ts';
import { Room } from './room.ts';

const info: RoomInfo = {
  id: 'talk',
  slug: 'talk',
  title: 'Talk',
  kind: 'text',
  participantCount: 0,
  position: 0,
  hidden: false,
  readOnly: false,
  lobby: true,
  createdAt: '2026-11-22T00:00:00.000Z',
};

/** A gateway whose lobby is shut until it is opened. */
class FakeGateway extends Observable<{ change: undefined; ready: undefined; message: ServerMessage }> {
  readonly state = 'open';
  readonly asked: string[] = [];
  code: 'lobby' | 'refused' | undefined = 'lobby';

  request(type: string, payload: { room: string }): Promise<unknown> {
    if (type === 'sync.resume') {
      return Promise.resolve({ ...payload, snapshot: true, messages: [], seq: 0, hasMore: false, firstSeq: 0 });
    }
    this.asked.push(type);
    if (type === 'room.join' && this.code !== undefined) return Promise.reject(new BoltorezkaError(this.code, 'wait'));
    return Promise.resolve({ room: payload.room, participantId: 'p', participants: [], seq: 0 });
  }

  reconnected(): void {
    this.emit('ready', undefined);
  }

  tell(message: ServerMessage): void {
    this.emit('message', message);
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

async function waiting() {
  const gateway = new FakeGateway();
  const room = new Room(gateway as unknown as Gateway, info);
  await settle();
  expect(room.state).toBe('waiting');
  return { gateway, room };
}

test('who is let in joins by itself', async () => {
  const { gateway, room } = await waiting();
  gateway.tell({ type: 'room.admitted', payload: { room: 'elsewhere' } });
  await settle();
  expect(room.state).toBe('waiting');
  gateway.code = undefined;
  gateway.tell({ type: 'room.admitted', payload: { room: 'talk' } });
  await settle();
  expect(room.state).toBe('joined');
  expect(gateway.asked).toEqual(['room.join', 'room.join']);
});

test('a wait goes on after the connection was lost', async () => {
  const { gateway, room } = await waiting();
  gateway.reconnected();
  await settle();
  expect(room.state).toBe('waiting');
  expect(gateway.asked).toEqual(['room.join', 'room.join']);
});

test('who is refused is told why', async () => {
  for (const reason of ['refused', 'revoked', 'room_deleted'] as const) {
    const { gateway, room } = await waiting();
    gateway.tell({ type: 'room.refused', payload: { room: 'talk', reason } });
    expect(room.end).toEqual({ reason });
  }
  const gateway = new FakeGateway();
  gateway.code = 'refused';
  const room = new Room(gateway as unknown as Gateway, info);
  await settle();
  expect(room.end).toEqual({ reason: 'refused', message: 'wait' });
});

test('who leaves the lobby comes in no more', async () => {
  const { gateway, room } = await waiting();
  room.leave();
  expect(gateway.asked).toEqual(['room.join', 'room.leave']);
  gateway.tell({ type: 'room.admitted', payload: { room: 'talk' } });
  await settle();
  expect(room.state).toBe('ended');
  expect(gateway.asked).toHaveLength(2);
});

test('those who moderate hear who waits, each once', async () => {
  const { gateway, room } = await waiting();
  gateway.code = undefined;
  gateway.tell({ type: 'room.admitted', payload: { room: 'talk' } });
  await settle();
  const knocked: string[] = [];
  room.on('knocked', (entry) => knocked.push(entry.displayName));
  const person = (name: string): Waiting => ({ userId: name, displayName: name, since: '2026-11-22T00:00:00.000Z' });
  const tell = (...names: string[]) =>
    gateway.tell({ type: 'lobby.update', payload: { room: 'talk', waiting: names.map(person) } });
  tell('Ann');
  tell('Ann', 'Bob');
  tell('Bob');
  expect(room.lobby.map((entry) => entry.displayName)).toEqual(['Bob']);
  expect(knocked).toEqual(['Ann', 'Bob']);
});
