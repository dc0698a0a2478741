// Runs every check of the project, stage by stage, and ends with a table and the line `N passed, N failed`.
// A stage that could not run, and a test that was skipped, count as failed. Arguments name the stages to run.
import { spawn } from 'node:child_process';

// Seconds that a stage may take on two cores from a clean checkout. Going over is shown, not failed: machines differ.
const STAGES = [
  { name: 'scripts', budget: 10, run: ['shellcheck', '.ci/run', 'scripts/run.sh', 'scripts/install.sh'] },
  { name: 'rust-format', budget: 10, run: ['cargo', 'fmt', '--all', '--check'] },
  { name: 'web-lint', budget: 20, run: ['npx', 'biome', 'check', '.'] },
  { name: 'web-build', budget: 60, run: ['npm', 'run', 'build', '--silent'] },
  { name: 'web-types', budget: 60, run: ['npm', 'run', 'typecheck', '--silent'] },
  { name: 'web-test', budget: 60, run: ['npm', 'test', '--silent'], count: countVitest },
  { name: 'dependencies', budget: 60, run: ['node', 'scripts/dependencies.mjs'] },
  {
    name: 'rust-lint',
    budget: 420,
    run: ['cargo', 'clippy', '--workspace', '--all-targets', '--quiet', '--', '-D', 'warnings'],
  },
  { name: 'rust-test', budget: 900, run: ['cargo', 'test', '--workspace', '--no-fail-fast'], count: countCargo },
  // The control plane's tests once more, on PostgreSQL. (Those of its store ran on both above.)
  {
    name: 'postgres',
    budget: 60,
    run: ['cargo', 'test', '--workspace', '--test', 'control'],
    env: { TEST_DATABASE: 'postgres' },
    count: countCargo,
  },
  {
    name: 'instructions',
    budget: 240,
    run: ['node', 'scripts/instructions.mjs'],
    count: (output) => ({
      passed: sum(output, /^(\d+) figures kept/gm),
      failed: sum(output, /figures kept, (\d+) exceeded/gm),
    }),
  },
  // The same command as in `make run`: the browsers meet the very executable that people start.
  { name: 'server-build', budget: 60, run: ['cargo', 'build', '--workspace', '--bin', 'boltorezka'] },
  {
    name: 'browser',
    budget: 570,
    run: ['npm', 'test', '--silent', '--workspace', 'tests/browser'],
    count: countNode,
    needs: 'server-build',
  },
  // Media stacks of others, and Schemathesis, against that same executable.
  {
    name: 'interop',
    budget: 130,
    run: ['node', '--test', '--test-concurrency=1', '--test-reporter=spec', 'tests/interop/cases/'],
    count: countNode,
    needs: 'server-build',
  },
];

/** Sums `pattern`'s groups over all lines of a runner's output. */
function sum(output, pattern) {
  return [...output.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0);
}

function countCargo(output) {
  return {
    passed: sum(output, /^test result: .*? (\d+) passed;/gm),
    failed: sum(output, /^test result: .*; (\d+) failed;/gm) + sum(output, /^test result: .*; (\d+) ignored;/gm),
  };
}

function countVitest(output) {
  const lines = output
    .split('\n')
    .filter((line) => /^\s*Tests\s/.test(line))
    .join('\n');
  return { passed: sum(lines, /(\d+) passed/g), failed: sum(lines, /(\d+) (?:failed|skipped|todo)/g) };
}

function countNode(output) {
  return {
    passed: sum(output, /^(?:ℹ|#) pass (\d+)$/gm),
    failed: sum(output, /^(?:ℹ|#) (?:fail|cancelled|skipped|todo) (\d+)$/gm),
  };
}

/** Runs a stage, shows its output as it comes, and counts. */
function run(stage) {
  const started = Date.now();
  const [command, ...args] = stage.run;
  console.log(`\n==> ${stage.name}: ${stage.run.join(' ')}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...stage.env, NO_COLOR: '1', FORCE_COLOR: '0', CARGO_TERM_COLOR: 'never' },
    });
    let output = '';
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      from.setEncoding('utf8');
      from.on('data', (text) => {
        output += text;
        to.write(text);
      });
    }
    const end = (ok, why) => {
      const counted = stage.count?.(output) ?? { passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
      // A runner that fails without a failed test, or passes without a test, did not do its work.
      if (!ok && counted.failed === 0) counted.failed = 1;
      if (ok && counted.passed === 0) counted.failed += 1;
      resolve({ ...stage, ...counted, why, seconds: (Date.now() - started) / 1000 });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) => end(code === 0, signal ?? `exit code ${code}`));
  });
}

function table(results) {
  const row = (name, seconds, budget, passed, failed, note) =>
    `${name.padEnd(14)}${seconds.padStart(9)}${budget.padStart(9)}${passed.padStart(9)}${failed.padStart(9)}  ${note}`;
  console.log(`\n${row('stage', 'seconds', 'budget', 'passed', 'failed', '')}`);
  for (const { name, seconds, budget, passed, failed, why } of results) {
    const note = [failed > 0 ? why : '', seconds > budget ? 'over budget' : ''].filter(Boolean).join(', ');
    console.log(row(name, seconds.toFixed(1), String(budget), String(passed), String(failed), note));
  }
  const seconds = results.reduce((total, result) => total + result.seconds, 0);
  const budget = results.reduce((total, result) => total + result.budget, 0);
  console.log(row('all', seconds.toFixed(1), String(budget), '', '', ''));
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !STAGES.some((stage) => stage.name === name));
if (unknown.length > 0) {
  console.error(`no such stage: ${unknown.join(', ')}; there are ${STAGES.map((stage) => stage.name).join(', ')}`);
  process.exit(2);
}
const results = [];
for (const stage of STAGES.filter((stage) => wanted.length === 0 || wanted.includes(stage.name))) {
  const missing = results.some((result) => result.name === stage.needs && result.failed > 0);
  results.push(
    missing ? { ...stage, passed: 0, failed: 1, seconds: 0, why: `needs ${stage.needs}` } : await run(stage),
  );
}
table(results);
const total = (what) => results.reduce((all, result) => all + result[what], 0);
console.log(`\n${total('passed')} passed, ${total('failed')} failed`);
process.exit(total('failed') === 0 ? 0 : 1);
