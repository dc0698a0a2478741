// Checks what comes in with the Rust crates: one crypto provider, and licences that fit. `make deny` checks more.
import { execFileSync } from 'node:child_process';

const BANNED = ['ring', 'openssl-sys', 'native-tls'];
const LICENCES = new Set([
  '0BSD',
  'Apache-2.0',
  'Apache-2.0 WITH LLVM-exception',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BSL-1.0',
  'CC0-1.0',
  'CDLA-Permissive-2.0',
  'ISC',
  'MIT',
  'MIT-0',
  'OpenSSL',
  'Unicode-3.0',
  'Unlicense',
  'Zlib',
]);

function cargo(...args) {
  return execFileSync('cargo', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

/** Whether an SPDX expression can be met with licences of the list. AND binds closer than OR. */
export function allowed(expression) {
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|AND|OR|[^\s()]+(?: WITH [^\s()]+)?/g) ?? [];
  const primary = () => {
    const token = tokens.shift();
    if (token !== '(') return LICENCES.has(token);
    const inner = either();
    tokens.shift();
    return inner;
  };
  const both = () => {
    let met = primary();
    while (tokens[0] === 'AND') {
      tokens.shift();
      met = primary() && met;
    }
    return met;
  };
  const either = () => {
    let met = both();
    while (tokens[0] === 'OR') {
      tokens.shift();
      met = both() || met;
    }
    return met;
  };
  return either() && tokens.length === 0;
}

const wrong = [];
// Only what is built: the lock file also lists what optional features would bring.
const built = cargo('tree', '--workspace', '--edges', 'normal,build,dev', '--prefix', 'none', '--format', '{p}');
for (const name of BANNED) {
  if (built.split('\n').some((line) => line.startsWith(`${name} v`))) {
    wrong.push(`${name} is built: rustls uses aws-lc-rs everywhere; see \`cargo tree -i ${name}\``);
  }
}
const names = new Set(built.split('\n').map((line) => line.split(' ').slice(0, 2).join(' ')));
for (const crate of JSON.parse(cargo('metadata', '--format-version', '1')).packages) {
  if (names.has(`${crate.name} v${crate.version}`) && !allowed(crate.license ?? '')) {
    wrong.push(`${crate.name} ${crate.version} has the licence ${crate.license ?? 'none'}, which is not on the list`);
  }
}
for (const line of wrong) console.error(line);
console.log(`${names.size} crates checked, ${wrong.length} wrong`);
process.exit(wrong.length === 0 ? 0 : 1);
