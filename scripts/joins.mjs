// Memory of a media node over many joins and leaves: everybody has left when it is read. Ends with 1 when it grew too much.
// node scripts/joins.mjs [JOINS] [FOLDER OF THE EXECUTABLES]
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const JOINS = Number(process.argv[2] ?? 10_000);
const PROGRAMS = process.argv[3] ?? 'target/debug';
/** What a node sets up once is there after so many, and its allocator has seen more people at a time than come later. */
const WARM_UP_JOINS = 500;
const WARM_UP_SUBSCRIBERS = 200;
/** Memory is also read in between: a leak grows with each round, what the allocator keeps does not. */
const ROUNDS = 4;
const JOINS_PER_S = 20;
const SUBSCRIBERS = 20;
/** Growth that is allowed. */
const GROWTH_MAX = 0.05;
/** Whose socket broke keeps its seat for half a minute, whose media broke for more than one. */
const GONE_MS_MAX = 120_000;

const program = (name) => join(PROGRAMS, name);
const folder = mkdtempSync(join(tmpdir(), 'boltorezka-joins-'));
// What an operator protects a server with keeps these clients out too.
const help = execFileSync(program('boltorezka'), ['serve', '--help'], { encoding: 'utf8' });
const kept = ['--limits-socket-idle-ms', '--limits-heartbeat-ms', '--limits-participant-grace-ms'];
const limits = [...new Set(help.match(/--limits-[a-z-]+/g))].filter((name) => !kept.includes(name));
const media = ['--udp-port', '17300', '--shards', '1', '--public-ip', '127.0.0.1'];
const settings = ['--data-dir', folder, '--http', '127.0.0.1:17380', ...media, ...limits.map((name) => `${name}=off`)];
const server = spawn(program('boltorezka'), ['serve', '--log', 'warn', ...settings], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
await once(server.stdout, 'data');
const key = execFileSync(program('boltorezka'), ['api-key', '--data-dir', folder, 'joins'], {
  encoding: 'utf8',
}).trim();
const { pid } = JSON.parse(readFileSync(join(folder, 'media.json'), 'utf8'));

/** Some subscribers of one camera and one voice, of whom so many leave and come while it lasts. */
async function churn(joins, subscribers) {
  const seconds = Math.ceil(joins / JOINS_PER_S);
  const load = [
    'load',
    '--url',
    'http://127.0.0.1:17380',
    '--scenario',
    'churn',
    '--bitrate-kbps',
    '100',
    '--fps',
    '5',
  ];
  const flags = ['--subscribers', subscribers, '--rate', JOINS_PER_S, '--duration', `${seconds}s`];
  const bench = spawn(program('boltorezka-bench'), [...load, ...flags.map(String)], {
    stdio: 'ignore',
    env: { ...process.env, BENCH_API_KEY: key },
  });
  await once(bench, 'exit');
  for (const patience = Date.now() + GONE_MS_MAX; ; await sleep(1_000)) {
    const text = await (await fetch('http://127.0.0.1:17380/metrics')).text();
    const connections = Number(/^boltorezka_media_connections (\d+)/m.exec(text)?.[1]);
    if (connections === 0) break;
    if (Date.now() > patience) throw new Error(`${connections} connections are still there`);
  }
  // A second's housekeeping.
  await sleep(2_000);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = Number(/VmRSS:\s+(\d+)/.exec(status)[1]) * 1024;
  return bytes;
}

let code = 1;
try {
  const start = await churn(WARM_UP_JOINS, WARM_UP_SUBSCRIBERS);
  console.log(`after ${WARM_UP_JOINS} joins and leaves: ${(start / 1e6).toFixed(2)} MB`);
  let end = start;
  for (let round = 1; round <= ROUNDS; round += 1) {
    end = await churn(JOINS / ROUNDS, SUBSCRIBERS);
    console.log(
      `after ${(JOINS * round) / ROUNDS} more: ${(end / 1e6).toFixed(2)} MB (${(100 * (end / start - 1)).toFixed(1)} %)`,
    );
  }
  code = end / start - 1 <= GROWTH_MAX ? 0 : 1;
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);
