// The command line client: a participant without a browser, with real media files.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { built } from './server.js';

const execute = promisify(execFile);

/** A folder with files to publish and place for recordings. */
export class Headless {
  folder = mkdtempSync(join(tmpdir(), 'boltorezka-headless-'));

  /** Encodes a moving picture and a tone, as long as said. */
  async encode(seconds) {
    const ffmpeg = (...flags) => execute('ffmpeg', ['-v', 'error', '-y', '-f', 'lavfi', '-i', ...flags]);
    const vp8 = ['-c:v', 'libvpx', '-deadline', 'realtime', '-b:v', '300k', '-g', '30'];
    await ffmpeg('testsrc=size=320x180:rate=15', '-t', `${seconds}`, ...vp8, join(this.folder, 'camera.ivf'));
    const opus = ['-c:a', 'libopus', '-b:a', '32k'];
    await ffmpeg('sine=frequency=440:sample_rate=48000', '-t', `${seconds}`, ...opus, join(this.folder, 'voice.ogg'));
  }

  /** Joins with a token, publishes the files, records the others, and leaves after so many seconds. */
  start(origin, token, seconds) {
    const publish = ['voice.ogg', 'camera.ivf'].flatMap((file) => ['--publish', join(this.folder, file)]);
    const record = ['--record', join(this.folder, 'recording')];
    const how = ['--url', origin, '--duration', `${seconds}s`, '--json'];
    this.output = '';
    this.#child = spawn(built('boltorezka-cli'), ['join', ...how, ...publish, ...record], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BOLTOREZKA_TOKEN: token },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text;
      });
    }
  }

  #child;

  /** Waits for the end; the exit code. */
  async ended() {
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** What was recorded of a source: how much of it decodes, frames of a picture or seconds of sound. */
  async recorded(ending) {
    const folder = join(this.folder, 'recording');
    const file = readdirSync(folder).find((name) => name.endsWith(ending));
    if (file === undefined) throw new Error(`no recording ends with ${ending}: ${readdirSync(folder)}`);
    const select = ['-v', 'error', '-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0'];
    const { stdout } = await execute('ffprobe', [...select, join(folder, file)]);
    return Number.parseInt(stdout, 10);
  }

  /** How loud a recorded sound is on average, in decibels; silence is below −60. */
  async loudness(ending) {
    const folder = join(this.folder, 'recording');
    const file = readdirSync(folder).find((name) => name.endsWith(ending));
    const filter = ['-af', 'volumedetect', '-f', 'null', '-'];
    const { stderr } = await execute('ffmpeg', ['-i', join(folder, file), ...filter]);
    return Number(/mean_volume: (-?[\d.]+) dB/.exec(stderr)?.[1] ?? Number.NEGATIVE_INFINITY);
  }

  dispose() {
    this.#child?.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}
