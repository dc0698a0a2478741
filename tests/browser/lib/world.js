// A server, its owner and browsers for the scenes of one file. A scene that fails leaves pictures and logs behind.
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ChromiumDriver, launchChromium } from './chromium.js';
import { FirefoxDriver, launchFirefox } from './firefox.js';
import { Person } from './person.js';
import { Server } from './server.js';
import { sleep } from './wait.js';

const ARTIFACTS = fileURLToPath(new URL('../artifacts/', import.meta.url));

const INSPECTED_EACH_MS = 500;

/** Longest scene in milliseconds, unless it says more. */
const SCENE_MS = 90_000;

/** Prepares what the scenes of a file share. The owner exists when the first scene begins. `settings` as of `Server.start`. */
export function world(settings) {
  const shared = { people: [], rooms: 0, inspections: [] };

  before(async () => {
    shared.server = await Server.start(settings);
    shared.chromium = await launchChromium();
    shared.owner = await newPerson('Olga Owner');
    await shared.owner.setUp(shared.server.ownerLink);
  });

  after(async () => {
    await shared.chromium?.close();
    await shared.firefox?.close();
    const code = await shared.server?.dispose();
    if (code !== 0) throw new Error(`the server ended with ${code}:\n${shared.server?.log}`);
  });

  async function newPerson(name, { browser = 'chromium', ...window } = {}) {
    if (browser === 'firefox') shared.firefox ??= await launchFirefox();
    const driver =
      browser === 'firefox'
        ? await FirefoxDriver.open(shared.firefox, window)
        : await ChromiumDriver.open(shared.chromium, window);
    const person = new Person(name, driver, shared.server.origin);
    shared.people.push(person);
    return person;
  }

  const scene = {
    get server() {
      return shared.server;
    },
    get owner() {
      return shared.owner;
    },

    /** Notes some times a second, while `played` is not done, what the media node decides and why. */
    async inspects(played) {
      let isPlaying = true;
      const end = () => {
        isPlaying = false;
      };
      played.then(end, end);
      while (isPlaying) {
        const inspection = await shared.owner.api('GET', '/v1/admin/media/inspection');
        shared.inspections.push({ at: new Date().toISOString(), ...inspection });
        await sleep(INSPECTED_EACH_MS);
      }
    },

    /** Somebody new, with an account made in the page. */
    async person(name, options) {
      const person = await newPerson(name, options);
      await person.register();
      return person;
    },

    /** A new room; its address. */
    async room(kind = 'video') {
      const slug = `room-${++shared.rooms}`;
      await shared.owner.api('POST', '/v1/rooms', { slug, title: `Room ${shared.rooms}`, kind });
      return slug;
    },

    /** New people in a call of their own, cameras and microphones as said. */
    async call(names, { microphone = false, camera = true } = {}) {
      const slug = await scene.room();
      const people = [];
      for (const name of names) {
        const person = await scene.person(name);
        await person.arrive(slug, { microphone, camera });
        await person.join();
        people.push(person);
      }
      return { slug, people };
    },
  };

  /** A test that keeps what can be seen when it fails, and closes its people's windows. */
  return (name, play, { sceneMs = SCENE_MS } = {}) =>
    test(name, async (t) => {
      let timer;
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`the scene takes longer than ${sceneMs} ms`)), sceneMs);
      });
      try {
        await Promise.race([play(scene, t), late]);
        const errors = shared.people.flatMap((person) => person.driver.errors);
        if (errors.length > 0) throw new Error(`errors in pages:\n${errors.join('\n')}`);
        if (process.env.KEEP !== undefined) await keep(name, shared);
      } catch (error) {
        await keep(name, shared);
        throw error;
      } finally {
        clearTimeout(timer);
        shared.inspections = [];
        const guests = shared.people.filter((person) => person !== shared.owner);
        shared.people = [shared.owner];
        await Promise.allSettled(guests.map((person) => person.close()));
        await shared.owner.driver.goto(shared.server.origin).catch(() => {});
        shared.owner.driver.errors.length = 0;
      }
    });
}

/** Pictures, consoles and the server's log of a failed scene; with `KEEP=1` of each. */
async function keep(name, { people, server, inspections }) {
  const folder = `${ARTIFACTS}${name.replaceAll(/[^a-z0-9]+/gi, '-')}/`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}server.log`, server.log);
  writeFileSync(`${folder}inspections.jsonl`, inspections.map((each) => `${JSON.stringify(each)}\n`).join(''));
  for (const person of people) {
    const file = `${folder}${person.name.replaceAll(' ', '-')}`;
    await person.driver.screenshot(`${file}.png`).catch(() => {});
    const stats = await person.tiles().catch((error) => String(error));
    const brief = Array.isArray(stats) ? stats.map(({ picture, ...tile }) => tile) : stats;
    writeFileSync(`${file}.log`, `${person.driver.console.join('\n')}\n${JSON.stringify(brief, null, 2)}\n`);
    const received = person.received.map((sample) => `${JSON.stringify(sample)}\n`);
    if (received.length > 0) writeFileSync(`${file}.received.jsonl`, received.join(''));
  }
}
