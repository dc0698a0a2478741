// A page of somebody whose site still has the client library of the version before (`previous/client.js`).
import { readFile } from 'node:fs/promises';
import { until } from './wait.js';

const LIBRARY = new URL('../previous/client.js', import.meta.url);
const PATH = '/the-version-before.js';

export class PreviousClient {
  /** Leaves the web client's pages of a signed-in person for one that has the library alone. */
  static async of(person) {
    const { page } = person.driver;
    const library = await readFile(LIBRARY, 'utf8');
    await page.route(`**${PATH}`, (route) => route.fulfill({ contentType: 'text/javascript', body: library }));
    // The server's own page without its scripts: one that the test made up would not be let to a server on this machine.
    await page.route('**/assets/*.js', (route) => route.abort());
    await person.driver.goto(person.origin);
    const client = new PreviousClient();
    client.#driver = person.driver;
    return client;
  }

  #driver;

  /** Goes into the room and its call, with camera and microphone. */
  join(slug) {
    return this.#driver.evaluate(
      async ([path, slug]) => {
        const { Client, Gateway, LocalMedia, Room } = await import(path);
        const client = new Client();
        const gateway = new Gateway(client);
        const room = new Room(gateway, await client.room(slug));
        const media = new LocalMedia();
        await media.setMicrophone(true);
        await media.setCamera(true);
        while (room.state !== 'joined') await new Promise((resolve) => room.on('change', resolve));
        await room.call.join(media);
        window.previous = { gateway, room };
      },
      [PATH, slug],
    );
  }

  /** Each message of the chat as it is shown, oldest first. */
  texts() {
    return this.#driver.evaluate(() => window.previous.room.chat.messages.map((message) => message.text));
  }

  reads(text) {
    return until(`the version before reads ${text}`, async () => (await this.texts()).includes(text));
  }

  write(text) {
    return this.#driver.evaluate((text) => window.previous.room.chat.send(text), text);
  }

  userId() {
    return this.#driver.evaluate(() => window.previous.gateway.user.id);
  }

  /** Pictures that were decoded of all that is received. */
  async #framesDecoded() {
    return this.#driver.evaluate(async () => {
      const stats = await window.previous.room.call.stats();
      const inbound = [...stats.values()].filter((each) => each.type === 'inbound-rtp' && each.kind === 'video');
      return inbound.reduce((sum, each) => sum + (each.framesDecoded ?? 0), 0);
    });
  }

  /** Waits until `frames` more pictures were decoded. */
  async watches(frames = 10) {
    const before = await this.#framesDecoded();
    return until('the version before sees pictures', async () => (await this.#framesDecoded()) >= before + frames);
  }
}
