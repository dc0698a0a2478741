// Counts the instructions of the hot path under callgrind and compares them with the committed figures. Instructions
// hardly depend on the machine or on what else runs there; `UPDATE=1` writes new figures.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const FIGURES = 'media/benches/instructions.json';
/** More than this beyond the committed figure is a regression. Hash seeds and report times make runs differ by less. */
const TOLERANCE = 0.05;
const TURNS = 200;

/** The benchmark's executable, as cargo names it. */
function build() {
  const args = ['build', '--workspace', '--bench', 'hot_path', '--quiet', '--message-format=json'];
  const output = execFileSync('cargo', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const artifacts = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  const bench = artifacts.find(({ target, executable }) => target?.name === 'hot_path' && executable);
  if (!bench) throw new Error('cargo built no benchmark named hot_path');
  return bench.executable;
}

/** Instructions of one operation of a case. */
function count(executable, name) {
  const callgrind = ['--tool=callgrind', '--collect-atstart=no', '--toggle-collect=*hot_path*collected*'];
  const args = [...callgrind, '--callgrind-out-file=/dev/null', executable, name, String(TURNS)];
  const output = execFileSync('sh', ['-c', 'exec "$0" "$@" 2>&1', 'valgrind', ...args], { encoding: 'utf8' });
  const instructions = Number(/Collected : (\d+)/.exec(output)?.[1]);
  const operations = Number(/operations=(\d+)/.exec(output)?.[1]);
  if (!(instructions > 0 && operations > 0)) throw new Error(`callgrind counted nothing for ${name}:\n${output}`);
  return Math.round(instructions / operations);
}

const executable = build();
const committed = JSON.parse(readFileSync(FIGURES, 'utf8'));
const counted = {};
let failed = 0;
for (const [name, before] of Object.entries(committed)) {
  counted[name] = count(executable, name);
  const change = counted[name] / before - 1;
  const verdict = change > TOLERANCE ? 'SLOWER' : change < -TOLERANCE ? 'faster: commit the new figure' : 'ok';
  if (change > TOLERANCE) failed += 1;
  console.log(
    `${name.padEnd(28)}${String(before).padStart(9)} -> ${String(counted[name]).padStart(9)}  ${(100 * change).toFixed(1).padStart(6)} %  ${verdict}`,
  );
}
if (process.env.UPDATE) {
  writeFileSync(FIGURES, `${JSON.stringify(counted, null, 2)}\n`);
  console.log(`wrote ${FIGURES}`);
} else if (failed > 0) {
  console.error(
    `${failed} of the hot path's figures grew. Where that is worth it: UPDATE=1 node scripts/instructions.mjs`,
  );
  process.exitCode = 1;
}
console.log(`${Object.keys(counted).length - failed} figures kept, ${failed} exceeded`);
