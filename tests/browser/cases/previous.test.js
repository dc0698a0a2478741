// The server with a client library of the version before: sites that brought it along are not changed when the server is.
import assert from 'node:assert/strict';
import { PreviousClient } from '../lib/previous.js';
import { world } from '../lib/world.js';

const scene = world();

scene(
  'the library of the version before is in a call and a chat, also after the server was started again',
  async (world) => {
    const slug = await world.room();
    const [ann, ben] = [await world.person('Ann'), await world.person('Ben')];
    await ann.arrive(slug);
    await ann.join();
    const before = await PreviousClient.of(ben);
    await before.join(slug);
    await ann.watches('Ben');
    await before.watches();
    await ann.write('Hello from now');
    await before.reads('Hello from now');
    await before.write('Hello from before');
    await ann.reads('Hello from before');

    // It is told things that it does not know, and goes on.
    const room = await ann.api('GET', `/v1/rooms/${slug}`);
    assert.equal(room.slug, slug);
    await mention(ann, slug, await before.userId());
    await before.reads('You are mentioned');
    const inbox = await ben.api('GET', '/v1/notifications');
    assert.equal(inbox.unreadCount, 1);

    assert.equal(await world.server.stop(), 0);
    await world.server.launch();
    await before.write('Are you there?');
    await ann.reads('Are you there?');
    await ann.write('I am');
    await before.reads('I am');
    const texts = ['Hello from now', 'Hello from before', 'You are mentioned', 'Are you there?', 'I am'];
    assert.deepEqual(await before.texts(), texts);
    await ann.watches('Ben');
    await before.watches();
  },
);

/** Says something on a socket of its own that names somebody. */
function mention(person, slug, userId) {
  return person.driver.evaluate(
    async ([slug, userId]) => {
      const { ticket } = await (await fetch('/v1/auth/ws-ticket', { method: 'POST' })).json();
      const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/v1/realtime/ws?ticket=${ticket}`);
      const requests = [
        { type: 'room.join', payload: { room: slug } },
        { type: 'message.send', payload: { room: slug, text: 'You are mentioned', mentions: [userId] } },
      ];
      await new Promise((resolve, reject) => {
        const next = () => {
          const request = requests.shift();
          if (request === undefined) return resolve();
          const ids = { requestId: crypto.randomUUID(), idempotencyKey: crypto.randomUUID() };
          socket.send(JSON.stringify({ ...request, ...ids }));
        };
        socket.onmessage = ({ data }) => {
          const { type, message } = JSON.parse(data);
          if (type === 'server.ready' || type === 'ack') next();
          if (type === 'nack') reject(new Error(message));
        };
        socket.onerror = () => reject(new Error('no socket'));
      });
      socket.close();
    },
    [slug, userId],
  );
}
