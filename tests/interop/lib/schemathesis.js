// Schemathesis: asks for what the OpenAPI document allows and for what it forbids, and holds each answer against it.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SCHEMATHESIS = fileURLToPath(new URL('../../../.tools/python/bin/schemathesis', import.meta.url));
const SETTINGS = fileURLToPath(new URL('schemathesis.toml', import.meta.url));
const HOOKS = fileURLToPath(new URL('schemathesis_hooks.py', import.meta.url));
const DOCUMENT = fileURLToPath(new URL('../../../docs/openapi.json', import.meta.url));

/** The same requests each time. */
const SEED = 20261123;
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];

/**
 * Asks the server at `origin` with these headers: all operations or those of the tags `only`, but not those `without`. It makes up to
 * `examples` requests of an operation, beside those at the edges of the document. Says what it found.
 */
export async function schemathesis(origin, { headers = {}, only = [], without = [], examples }) {
  if (!existsSync(SCHEMATHESIS)) throw new Error(`${SCHEMATHESIS} is missing: scripts/install.sh test`);
  const run = ['--config-file', SETTINGS, 'run', DOCUMENT, '--url', origin, '--checks', CHECKS.join(',')];
  const amount = ['--seed', String(SEED), '--max-examples', String(examples), '--continue-on-failure', '--no-color'];
  const who = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
  const what = [
    ...only.flatMap((tag) => ['--include-tag', tag]),
    ...without.flatMap((id) => ['--exclude-operation-id', id]),
  ];
  const env = { ...process.env, SCHEMATHESIS_HOOKS: HOOKS, NO_PROXY: '*', PYTHONDONTWRITEBYTECODE: '1' };
  // It keeps notes where it runs.
  const cwd = mkdtempSync(join(tmpdir(), 'boltorezka-schemathesis-'));
  const options = { env, cwd, maxBuffer: 64 * 1024 * 1024 };
  try {
    const { stdout } = await promisify(execFile)(SCHEMATHESIS, [...run, ...amount, ...who, ...what], options);
    return { passed: true, output: stdout };
  } catch (error) {
    return { passed: false, output: `${error.stdout}\n${error.stderr}` };
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}
