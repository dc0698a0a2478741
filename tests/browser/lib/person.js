// What a person does in the web client, by the names that a person reads, and what they see and hear.
import assert from 'node:assert/strict';
import { sleep, until } from './wait.js';

/** A password as a person would choose it; accounts live as long as a test file. */
const PASSWORD = 'correct horse battery';

/** Energy of a second of beeps is a hundred times this; of silence, a hundredth. */
const AUDIBLE = 0.005;

/** Two cores encode and decode it beside everything else. */
const CAMERA = { width: 640, height: 360, frameRate: 15 };

/** Parts of a picture that move: of a lively camera half, of a screen a line of text that scrolls. */
const CAMERA_BUSY_RATIO = 0.5;
const SCREEN = { width: 1280, height: 720, frameRate: 15, busyRatio: 0.04 };

let accounts = 0;

export class Person {
  /** What was received last, for those who ask why. */
  received = [];

  constructor(name, driver, origin) {
    this.name = name;
    this.email = `${name.toLowerCase().replaceAll(' ', '.')}.${++accounts}@example.org`;
    this.driver = driver;
    this.origin = origin;
  }

  async #fillAccount() {
    await this.driver.fill('Display name', this.name);
    await this.driver.fill('E-mail', this.email);
    await this.driver.fill('Password', PASSWORD);
  }

  /** Makes the owner's account by the link that the server printed. */
  async setUp(link) {
    await this.driver.goto(link);
    await this.#fillAccount();
    await this.driver.click('button', 'Create owner account');
    await this.sees('button', 'New room');
  }

  async register() {
    await this.driver.goto(this.origin);
    await this.driver.click('button', 'Create an account');
    await this.#fillAccount();
    await this.driver.click('button', 'Create account');
    await this.sees('button', 'Account');
  }

  async signIn() {
    await this.driver.goto(this.origin);
    await this.driver.fill('E-mail', this.email);
    await this.driver.fill('Password', PASSWORD);
    await this.driver.click('button', 'Sign in');
    await this.sees('button', 'Account');
  }

  /** Calls the API as this person, from its page. */
  async api(method, path, body) {
    const answer = await this.driver.evaluate(
      async ([method, path, body]) => {
        const response = await fetch(path, {
          method,
          headers: body ? { 'content-type': 'application/json' } : {},
          ...(body ? { body: JSON.stringify(body) } : {}),
        });
        const text = await response.text();
        return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
      },
      [method, path, body],
    );
    assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer.body;
  }

  async enter(slug) {
    await this.driver.goto(`${this.origin}/rooms/${slug}`);
  }

  /** Comes to a room's lobby, where devices are switched on by themselves, and sets them. */
  async arrive(slug, { microphone = false, camera = true } = {}) {
    await this.enter(slug);
    await this.sees('button', 'Join');
    for (const device of ['Microphone', 'Camera']) await this.#finds(device, true);
    await this.turn('Microphone', microphone);
    await this.turn('Camera', camera);
  }

  async join() {
    await this.sees('button', 'Join');
    await this.driver.click('button', 'Join');
    await this.sees('button', 'Leave');
  }

  async leave() {
    await this.driver.click('button', 'Leave');
    await this.sees('button', 'Join');
  }

  /** Switches `Microphone`, `Camera` or `Share screen`. */
  async turn(name, on) {
    if ((await this.driver.isPressed(name)) !== on) await this.driver.click('button', name);
    await until(
      `${this.name}: ${name} is ${on ? 'on' : 'off'}`,
      async () => (await this.driver.isPressed(name)) === on,
    );
  }

  #finds(name, on) {
    return until(
      `${this.name}: ${name} is ${on ? 'on' : 'off'}`,
      async () => (await this.driver.isPressed(name)) === on,
    );
  }

  async write(text) {
    await this.driver.fill('Message', text);
    await this.driver.click('button', 'Send');
  }

  sees(role, name) {
    return until(`${this.name} sees the ${role} ${name}`, () => this.driver.isVisible(role, name));
  }

  reads(text) {
    return until(`${this.name} reads ${text}`, () =>
      this.driver.evaluate((text) => document.body.innerText.includes(text), text),
    );
  }

  tiles() {
    return this.driver.evaluate(() => window.probe.tiles());
  }

  /** The tile whose caption is `name`. */
  async tile(name) {
    return (await this.tiles()).find((tile) => tile.name === name);
  }

  /** Waits until the tile `name` decodes `frames` more frames and its picture changes. */
  async watches(name, frames = 10) {
    const first = await until(`${this.name} gets a picture of ${name}`, async () => {
      const tile = await this.tile(name);
      return tile !== undefined && tile.framesDecoded > 0 && tile.picture.length > 0 ? tile : undefined;
    });
    return until(`${this.name} sees ${name} move`, async () => {
      const now = await this.tile(name);
      // A reconnect begins to count anew.
      const more = now === undefined ? 0 : now.framesDecoded - first.framesDecoded;
      const differs = now?.picture.some((value, index) => Math.abs(value - first.picture[index]) > 8);
      return more >= frames && differs ? now : undefined;
    });
  }

  /** Waits until the tile `name` is gone. */
  loses(name) {
    return until(`${this.name} no longer sees ${name}`, async () => (await this.tile(name)) === undefined);
  }

  #energy() {
    return this.driver.evaluate(() => window.probe.audioEnergy());
  }

  /** Waits until something is heard. */
  async hears() {
    const before = await this.#energy();
    await until(`${this.name} hears something`, async () => (await this.#energy()) - before > AUDIBLE);
  }

  /** Waits until nothing has been heard for two seconds, in which a fake microphone beeps at least twice. */
  async hearsNothing() {
    await until(
      `${this.name} hears nothing`,
      async () => {
        const before = await this.#energy();
        await sleep(2_000);
        return (await this.#energy()) - before < AUDIBLE / 10;
      },
      { intervalMs: 0 },
    );
  }

  /** Goes into the room and its call over a network of its own; the camera is a small one, and the screen too. */
  async joinThrough(relay, slug, { isCameraBusy = false, ...devices } = {}) {
    const camera = { ...CAMERA, busyRatio: isCameraBusy ? CAMERA_BUSY_RATIO : 0 };
    await this.driver.evaluate(
      (kept) => {
        for (const [name, value] of Object.entries(kept)) sessionStorage.setItem(name, JSON.stringify(value));
      },
      { relay: relay.ports, camera, screen: SCREEN },
    );
    await this.arrive(slug, { microphone: true, ...devices });
    await this.join();
  }

  /** What this person receives while `play` runs, or for so many milliseconds: see `received.js`. */
  async receives(play) {
    const samples = async () => JSON.parse(await this.driver.evaluate(() => window.probe.samples()));
    await samples();
    await (typeof play === 'number' ? sleep(play) : play());
    this.received = await samples();
    return this.received;
  }

  async close() {
    await this.driver.close();
  }
}
