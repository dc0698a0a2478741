import { expect, test } from 'vitest';
import { Observable } from '../emitter.ts';
import { BoltorezkaError } from '../errors.ts';
import type { Room as RoomInfo, ServerMessage } from '../proto.ts';
import type { Gateway } from '../realtime/gateway.ts';
import { Room } from './room.ts';

const info = (slug: string): RoomInfo => ({
  id: slug,
  slug,
  title: slug,
  kind: 'text',
  participantCount: 0,
  position: 0,
  hidden: false,
  readOnly: false,
  lobby: false,
  createdAt: '2026-11-22T00:00:00.000Z',
});

/** A gateway that acks everything, and what it was asked. */
class FakeGateway extends Observable<{ change: undefined; ready: undefined; message: ServerMessage }> {
  readonly state = 'open';
  readonly asked: string[] = [];
  readonly client: { room(slug: string): Promise<RoomInfo> };

  constructor(room: (slug: string) => Promise<RoomInfo>) {
    super();
    this.client = { room };
  }

  request(type: string, payload: { room: string }): Promise<unknown> {
    this.asked.push(`${type} ${payload.room}`);
    if (type === 'sync.resume') {
      return Promise.resolve({ ...payload, snapshot: true, messages: [], seq: 0, hasMore: false, firstSeq: 0 });
    }
    return Promise.resolve({ room: payload.room, participantId: `in ${payload.room}`, participants: [], seq: 0 });
  }

  tell(message: ServerMessage): void {
    this.emit('message', message);
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve));

test('who is moved joins the other room and leaves nothing behind', async () => {
  const gateway = new FakeGateway((slug) => Promise.resolve(info(slug)));
  const room = new Room(gateway as unknown as Gateway, info('talk'));
  await settle();
  const moved: Room[] = [];
  room.on('moved', (next) => moved.push(next));
  gateway.tell({ type: 'room.moved', payload: { from: 'elsewhere', to: 'other' } });
  await settle();
  expect(room.state).toBe('joined');
  gateway.tell({ type: 'room.moved', payload: { from: 'talk', to: 'other' } });
  gateway.tell({ type: 'call.ended', payload: { room: 'talk', reason: 'kicked' } });
  await settle();
  expect(room.end).toEqual({ reason: 'moved' });
  expect(moved.map((next) => [next.slug, next.state])).toEqual([['other', 'joined']]);
  expect(gateway.asked.filter((asked) => !asked.startsWith('sync'))).toEqual(['room.join talk', 'room.join other']);
  room.leave();
  expect(gateway.asked).not.toContain('room.leave talk');
  moved[0]?.leave();
  expect(gateway.asked).toContain('room.leave other');
});

test('who cannot follow is told why', async () => {
  const gateway = new FakeGateway(() => Promise.reject(new BoltorezkaError('not_found', 'gone')));
  const room = new Room(gateway as unknown as Gateway, info('talk'));
  await settle();
  gateway.tell({ type: 'room.moved', payload: { from: 'talk', to: 'other' } });
  await settle();
  expect(room.end).toEqual({ reason: 'not_found', message: 'gone' });
});
