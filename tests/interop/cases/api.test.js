// docs/api.md is run as a reader would run it: bash and curl, block after block, against the real server.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Server } from '../../browser/lib/server.js';

const DOCUMENT = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');

/** Stands before what a block prints, and before its statuses. */
const MARK = '@@@@';

/** curl, which also ends each answer's line and notes its status. Its standard error is silent otherwise (`-s`). */
const PREAMBLE = `
set -u
curl() { command curl -w '\\n%{stderr}%{http_code}\\n' "$@" 2>> statuses; }
mark() { printf '${MARK}\\n' | tee -a statuses; }
`;

let server;
let folder;

before(async () => {
  server = await Server.start(['--public-ip', '127.0.0.1']);
  folder = mkdtempSync(join(tmpdir(), 'boltorezka-api-'));
});

after(async () => {
  const code = await server?.dispose();
  if (folder) rmSync(folder, { recursive: true, force: true });
  if (code !== 0) throw new Error(`the server ended with ${code}:\n${server?.log}`);
});

/** The shell blocks of the guide, each with its heading, the statuses that it names, and the answer that is shown behind it. */
function steps() {
  return DOCUMENT.split('\n## ').flatMap((section) => {
    const heading = section.split('\n', 1)[0];
    const blocks = section.matchAll(/^```sh\n(.*?)^```\n(?:```json\n(.*?)^```\n)?/gms);
    return [...blocks].map(([, script, answer]) => ({
      heading,
      script,
      statuses: [...script.matchAll(/ # (\d{3})$/gm)].map(([, status]) => status),
      answer: answer && JSON.parse(answer),
    }));
  });
}

/** The form of a value: names and kinds, not what they hold. */
function form(value) {
  if (Array.isArray(value)) return value.map(form);
  if (value === null || typeof value !== 'object') return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, form(of)]));
}

/** What the last command printed: jq prints over several lines, curl one line for each answer. */
function lastAnswer(printed) {
  const text = printed.trim();
  return JSON.parse(text.startsWith('{\n') ? text : text.split('\n').at(-1));
}

test('the guide works as it is written', () => {
  const [given, ...run] = steps();
  assert.ok(given.script.includes('SERVER=') && run.length > 15, 'the blocks are not found');
  const token = new URL(server.ownerLink).searchParams.get('token');
  const variables = { SERVER: server.origin, OWNER_TOKEN: token, KEY: server.apiKey('backend') };
  const script = run.map((step) => `mark\n${step.script}`).join('\n');
  const env = { PATH: process.env.PATH, ...variables };
  const printed = execFileSync('bash', ['--norc', '-c', PREAMBLE + script], { cwd: folder, env, encoding: 'utf8' });

  const answers = printed.split(`${MARK}\n`).slice(1);
  const statuses = readFileSync(join(folder, 'statuses'), 'utf8').split(`${MARK}\n`).slice(1);
  assert.equal(answers.length, run.length);
  for (const [index, step] of run.entries()) {
    const seen = statuses[index].trim().split('\n');
    assert.deepEqual(seen, step.statuses, `${step.heading}:\n${step.script}\n${answers[index]}`);
    if (step.answer) {
      assert.deepEqual(form(lastAnswer(answers[index])), form(step.answer), `${step.heading}:\n${answers[index]}`);
    }
  }
});
