// Schemathesis asks for everything that docs/openapi.json allows, and for much that it forbids: no answer is a server error, and none
// is one that the document does not know.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../browser/lib/server.js';
import { schemathesis } from '../lib/schemathesis.js';

/** Limits that would answer in the place of what is tested. */
const LIMITS = [
  'login-per-address-per-minute',
  'login-per-account-per-minute',
  'register-per-address-per-minute',
  'requests-per-address-per-s',
  'tickets-per-user-per-minute',
  'join-tokens-per-key-per-s',
  'telemetry-per-user-per-minute',
  'telemetry-per-address-per-minute',
];

let server;
let cookie;

async function post(path, headers, body) {
  const init = {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  const response = await fetch(`${server.origin}${path}`, init);
  assert.equal(response.status, 201, await response.clone().text());
  return response;
}

before(async () => {
  server = await Server.start(LIMITS.flatMap((limit) => [`--limits-${limit}`, 'off']));
  const token = new URL(server.ownerLink).searchParams.get('token');
  const owner = { token, email: 'owner@example.org', password: 'a long password', displayName: 'Owner' };
  const response = await post('/v1/setup', {}, owner);
  cookie = response.headers.get('set-cookie').split(';')[0];
});

after(async () => {
  const code = await server?.dispose();
  if (code !== 0) throw new Error(`the server ended with ${code}:\n${server?.log}`);
});

async function holds(options) {
  const { passed, output } = await schemathesis(server.origin, options);
  assert.ok(passed, output);
}

test('who is not signed in is answered within the document', async () => {
  await holds({ examples: 20 });
});

test('an admin is answered within the document', async () => {
  // Either would end the session that all other requests need.
  await holds({ headers: { Cookie: cookie }, without: ['logOut', 'endSession'], examples: 30 });
  const me = await fetch(`${server.origin}/v1/auth/me`, { headers: { cookie } });
  assert.equal(me.status, 200, 'the session lasted');
});

test('API keys and join tokens are answered within the document', async () => {
  const key = server.apiKey('schemathesis');
  const bearer = (token) => ({ Authorization: `Bearer ${token}` });
  await holds({ headers: bearer(key), only: ['accounts', 'rooms', 'chat'], without: ['logOut'], examples: 10 });
  await post('/v1/rooms', bearer(key), { slug: 'talk', title: 'Talk', kind: 'video' });
  const token = await server.joinToken(key, 'talk', 'encoder');
  await holds({ headers: bearer(token), only: ['whip'], examples: 20 });
});
