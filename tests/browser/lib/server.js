// The real server: the executable that `make run` starts, with data and ports of its own.
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './wait.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** An executable of this project, as `cargo build` leaves it. */
export function built(name) {
  const path = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', name);
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build -p ${name}`);
  return path;
}

/** Shards of the server under test, so that people of one room also meet across shards. */
const SHARDS = 2;

async function freeTcpPort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function bindTcp(port) {
  const server = createServer();
  try {
    server.listen(port, '0.0.0.0');
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}

async function bindUdp(port) {
  const socket = createSocket('udp4');
  try {
    socket.bind(port);
    await once(socket, 'listening');
    return socket;
  } catch {
    return undefined;
  }
}

/** The first of SHARDS neighbouring ports that nobody uses, for UDP or for TCP. */
async function freeMediaPorts() {
  for (;;) {
    const sockets = [await bindUdp(0)];
    const { port } = sockets[0].address();
    for (let shard = 1; shard < SHARDS; shard++) sockets.push(await bindUdp(port + shard));
    for (let shard = 0; shard < SHARDS; shard++) sockets.push(await bindTcp(port + shard));
    const free = sockets.every((socket) => socket !== undefined);
    for (const socket of sockets) socket?.close();
    if (free) return port;
  }
}

export class Server {
  log = '';
  #child;
  #settings;
  #dataDir = mkdtempSync(join(tmpdir(), 'boltorezka-browser-'));

  /**
   * Takes ports, which stay the same over restarts, and starts; `settings` as on the command line, or what gives them for
   * the address that people reach the server at.
   */
  static async start(settings = []) {
    const server = new Server();
    server.origin = `http://127.0.0.1:${await freeTcpPort()}`;
    server.#settings = typeof settings === 'function' ? await settings(server.origin) : settings;
    server.udpPort = await freeMediaPorts();
    await server.launch();
    return server;
  }

  /** Starts the process; the first time it also prints the owner link. */
  async launch() {
    const settings = ['--data-dir', this.#dataDir, '--http', new URL(this.origin).host];
    const media = ['--udp-port', String(this.udpPort), '--shards', String(SHARDS)];
    const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('BOLTOREZKA_'));
    this.#child = spawn(built('boltorezka'), ['serve', ...settings, ...media, ...this.#settings], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: Object.fromEntries(environment),
    });
    let printed = '';
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.log += text;
      });
    }
    this.#child.stdout.on('data', (text) => {
      printed += text;
    });
    await until('the server listens', () => {
      if (this.#child.exitCode !== null) throw new Error(`the server ended:\n${this.log}`);
      return printed.includes('listening on ');
    });
    this.ownerLink ??= await until('an owner link', () => /^owner link: (\S+)\n/m.exec(printed)?.[1]);
  }

  /** The ports of its shards. */
  get udpPorts() {
    return Array.from({ length: SHARDS }, (_, shard) => this.udpPort + shard);
  }

  /** A new key for servers, by the command that operators use. */
  apiKey(name) {
    return execFileSync(built('boltorezka'), ['api-key', '--data-dir', this.#dataDir, name], {
      encoding: 'utf8',
    }).trim();
  }

  /** A token that lets `identity` into a room, as another server would get it. */
  async joinToken(key, room, identity) {
    const response = await fetch(`${this.origin}/v1/join-tokens`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ room, identity, displayName: identity }),
    });
    const body = await response.json();
    if (response.status !== 201) throw new Error(`no join token: ${JSON.stringify(body)}`);
    return body.token;
  }

  /** The process id of the media node. */
  get mediaPid() {
    return JSON.parse(readFileSync(join(this.#dataDir, 'media.json'), 'utf8')).pid;
  }

  /** Ends the control plane without a word; the media node and its calls stay. */
  async kill() {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** Ends everything in order. */
  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    return this.#child.exitCode;
  }

  /** Ends and forgets everything, whatever state it is in. */
  async dispose() {
    const code = await this.stop();
    try {
      // Only there when the control plane was killed and not started again.
      process.kill(this.mediaPid, 'SIGKILL');
    } catch {}
    rmSync(this.#dataDir, { recursive: true, force: true });
    return code;
  }
}
