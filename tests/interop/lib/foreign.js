// Stacks that know nothing of this project: ffmpeg, and aiortc, as `scripts/install.sh test` installs them.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PYTHON = fileURLToPath(new URL('../../../.tools/python/bin/python', import.meta.url));
const PLAYER = fileURLToPath(new URL('player.py', import.meta.url));

const execute = promisify(execFile);

function python() {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing: scripts/install.sh test`);
  return PYTHON;
}

/** An ffmpeg with the whip muxer: Debian's is too old for it. */
function ffmpeg() {
  const script = 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())';
  return execFileSync(python(), ['-c', script], { encoding: 'utf8' }).trim();
}

/** ffmpeg as an encoder: a picture whose left half is red and right half blue, and a tone of 440 Hz. */
export class Encoder {
  output = '';
  #child;

  constructor(url, token, flags = []) {
    const colour = (name) => `color=c=${name}:s=160x180:r=30`;
    const picture = `${colour('red')}[l];${colour('blue')}[r];[l][r]hstack`;
    const input = (source) => ['-re', '-f', 'lavfi', '-i', source];
    // What any player decodes: baseline without pictures that wait for later ones, and a keyframe each second.
    const pace = ['-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '30'];
    const h264 = ['-c:v', 'libx264', '-profile:v', 'baseline', '-pix_fmt', 'yuv420p', ...pace];
    const opus = ['-c:a', 'libopus', '-ac', '2', '-b:a', '64k'];
    const inputs = [...input(picture), ...input('sine=frequency=440:sample_rate=48000')];
    const whip = ['-f', 'whip', '-authorization', token, ...flags, url];
    const args = ['-hide_banner', '-nostats', ...inputs, ...h264, ...opus, ...whip];
    this.#child = spawn(ffmpeg(), args, { stdio: ['pipe', 'pipe', 'pipe'], env: withoutProxies() });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text;
      });
    }
  }

  /** Ends it as a person at the keyboard would; the exit code. */
  async end() {
    if (this.#child.exitCode === null) {
      this.#child.stdin.write('q');
      await once(this.#child, 'exit');
    }
    return this.#child.exitCode;
  }

  dispose() {
    this.#child.kill('SIGKILL');
  }
}

/** Plays a room with aiortc for so many seconds; what it decoded. */
export async function play(url, token, seconds) {
  const { stdout } = await execute(python(), [PLAYER, url, token, `${seconds}`], { env: withoutProxies() });
  return JSON.parse(stdout);
}

/** The server under test is on this machine. */
function withoutProxies() {
  const isProxy = (name) => name.toLowerCase().endsWith('_proxy');
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isProxy(name)));
}
