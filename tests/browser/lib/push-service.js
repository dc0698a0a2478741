// A push service: it takes pushes as RFC 8030 has it, and hands them to Firefox by the protocol of Mozilla's (autopush).
import { createPublicKey, randomUUID, verify } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

export class PushService {
  /** What came, with what the browser said of it: 100 is that it could be decrypted and was handed to the worker. */
  pushed = [];
  /** Each subscription: the key that it was made with, and the browser that has it. */
  subscriptions = new Map();
  #server;
  #sockets;

  static async start() {
    const service = new PushService();
    service.#server = createServer((request, response) => service.#take(request, response));
    service.#sockets = new WebSocketServer({ server: service.#server });
    service.#sockets.on('connection', (socket) => {
      socket.on('message', (text) => service.#hear(socket, JSON.parse(String(text))));
    });
    service.#server.listen(0, '127.0.0.1');
    await once(service.#server, 'listening');
    service.origin = `http://127.0.0.1:${service.#server.address().port}`;
    return service;
  }

  /** What the server is told of it, as on the command line. */
  get settings() {
    return ['--push-local-services', this.origin, '--push-contact', 'mailto:ops@example.org'];
  }

  /** Has Firefox use it, and its person allow to be notified. */
  get firefoxPreferences() {
    return {
      'dom.push.enabled': true,
      'dom.push.connection.enabled': true,
      'dom.push.serverURL': this.origin.replace('http:', 'ws:'),
      'dom.push.testing.allowInsecureServerURL': true,
      'permissions.default.desktop-notification': 1,
      // There is no desktop that would show them.
      'alerts.useSystemBackend': false,
    };
  }

  #hear(socket, message) {
    const answer = (value) => socket.send(JSON.stringify(value));
    switch (message.messageType) {
      case 'hello':
        return answer({
          messageType: 'hello',
          status: 200,
          uaid: randomUUID().replaceAll('-', ''),
          use_webpush: true,
          broadcasts: {},
        });
      case 'register': {
        const { channelID, key } = message;
        // Firefox pads its base64url.
        this.subscriptions.set(channelID, { key: key.replace(/=+$/, ''), socket });
        return answer({
          messageType: 'register',
          status: 200,
          channelID,
          pushEndpoint: `${this.origin}/push/${channelID}`,
        });
      }
      case 'unregister':
        this.subscriptions.delete(message.channelID);
        return answer({ messageType: 'unregister', status: 200, channelID: message.channelID });
      case 'ack':
        for (const { version, code } of message.updates) {
          const push = this.pushed.find((each) => each.version === version);
          if (push) push.code = code;
        }
        return;
      case undefined:
        // A ping.
        return answer({});
      default:
    }
  }

  async #take(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const channelID = request.url.replace('/push/', '');
    const subscription = this.subscriptions.get(channelID);
    if (request.method !== 'POST' || subscription === undefined) return response.writeHead(410).end();
    const claims = claimsOf(request.headers.authorization, subscription.key);
    if (claims === undefined || claims.aud !== this.origin) return response.writeHead(403).end();
    const version = randomUUID();
    this.pushed.push({ version, claims, headers: request.headers, body });
    subscription.socket.send(
      JSON.stringify({
        messageType: 'notification',
        channelID,
        version,
        data: body.toString('base64url'),
        headers: { encoding: request.headers['content-encoding'] },
      }),
    );
    response.writeHead(201, { location: `${this.origin}/message/${version}` }).end();
  }

  close() {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** What a VAPID token says, if the key of the subscription has signed it (RFC 8292). */
function claimsOf(authorization, key) {
  const [, token, shown] = /^vapid t=([^,]+), ?k=(\S+)$/.exec(authorization ?? '') ?? [];
  if (token === undefined || shown !== key) return undefined;
  const point = Buffer.from(key, 'base64url');
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  };
  const [header, claims, signature] = token.split('.');
  const isGood = verify(
    'sha256',
    Buffer.from(`${header}.${claims}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  return isGood ? JSON.parse(Buffer.from(claims, 'base64url')) : undefined;
}
