// ffmpeg publishes by WHIP, aiortc plays by WHEP: what the one encodes the other decodes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server } from '../../browser/lib/server.js';
import { until } from '../../browser/lib/wait.js';
import { Encoder, play } from '../lib/foreign.js';

/** Seconds that are played: some keyframes, and a tone that can be measured. */
const SECONDS = 4;
/** How far a colour may be off after encoding, of 255. */
const TOLERANCE = 12;
/** Y, U and V of full red and full blue (ITU-R BT.601, limited range). */
const RED = [81, 90, 240];
const BLUE = [41, 240, 110];

let server;
let key;

before(async () => {
  server = await Server.start(['--public-ip', '127.0.0.1']);
  key = server.apiKey('interop tests');
});

after(async () => {
  const code = await server?.dispose();
  if (code !== 0) throw new Error(`the server ended with ${code}:\n${server?.log}`);
});

async function ask(path, init) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`${server.origin}${path}`, { headers, ...init });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
}

function assertNear(seen, expected, what) {
  const isNear = seen.every((value, index) => Math.abs(value - expected[index]) <= TOLERANCE);
  assert.ok(isNear, `${what} is ${seen} and should be about ${expected}`);
}

/** The encoder, when it is in the room and sends both picture and sound. */
function publishing(participants) {
  const isPublishing = (one) => one.call === 'connected' && one.publishing.length === 2;
  return participants.find((one) => one.displayName === 'encoder' && isPublishing(one));
}

async function scene(room, { flags = [], killed = false } = {}) {
  await ask('/v1/rooms', { method: 'POST', body: JSON.stringify({ slug: room, title: room, kind: 'video' }) });
  const participants = async () => (await ask(`/v1/rooms/${room}/participants`)).items;
  const token = (identity) => server.joinToken(key, room, identity);
  const encoderToken = await token('encoder');
  const encode = () => new Encoder(`${server.origin}/v1/whip/${room}`, encoderToken, flags);
  let encoder = encode();
  try {
    const first = await until('the encoder publishes', async () => publishing(await participants()));
    if (killed) {
      encoder.dispose();
      encoder = encode();
      await until('the first connection is over', async () => publishing(await participants()) === undefined);
      const again = await until('the encoder is back', async () => publishing(await participants()));
      assert.equal(again.participantId, first.participantId, 'it takes its own place');
    }
    const seen = await play(`${server.origin}/v1/whep/${room}`, await token('player'), SECONDS);
    assertNear(seen.video.colours.left, RED, 'the left half');
    assertNear(seen.video.colours.right, BLUE, 'the right half');
    assert.deepEqual([seen.video.width, seen.video.height], [320, 180]);
    assert.ok(seen.video.frames > SECONDS * 20, `only ${seen.video.frames} pictures in ${SECONDS} s`);
    assert.ok(Math.abs(seen.audio.hertz - 440) < 10, `the tone has ${seen.audio.hertz} Hz`);
    assert.ok(seen.audio.frames > SECONDS * 40, `only ${seen.audio.frames} frames of sound in ${SECONDS} s`);
    assert.equal(seen.deleted, 200);
    const names = (await participants()).map((one) => one.displayName);
    assert.deepEqual(names, ['encoder'], 'the player has left');
    assert.equal(await encoder.end(), 0, encoder.output);
    await until('the encoder has left', async () => (await participants()).length === 0);
    assert.ok(server.log.includes(`path="/v1/whip/${room}"`), 'the access log is there');
    assert.ok(!server.log.includes(encoderToken), 'a token is in the log');
    assert.doesNotMatch(server.log, /\/v1\/wh[ei]p\/[a-z]+\/[0-9a-f]{16}/, "a session's address is in the log");
  } catch (error) {
    const said = `ffmpeg said:\n${encoder.output}\nthe server said:\n${server.log}`;
    throw new Error(`${error.message}\n${said}`, { cause: error });
  } finally {
    encoder.dispose();
  }
}

test('ffmpeg as the DTLS server, which is its default', () => scene('passive'));

test('ffmpeg as the DTLS client', () => scene('active', { flags: ['-whip_flags', 'dtls_active'] }));

// It writes the same session id into each offer.
test('ffmpeg is killed and starts again', () => scene('again', { killed: true }));
