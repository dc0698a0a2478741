// Bad networks: links that lose, delay, narrow and move, between browsers and the real program.
import assert from 'node:assert/strict';
import { linkScenes, meet, STOP_MS_MAX, tell, withRelays } from '../lib/links.js';
import { concealment, frameRate, longestSilence, longestStop } from '../lib/received.js';
import { Relay } from '../lib/relay.js';
import { sleep, until } from '../lib/wait.js';

const scene = linkScenes();
/** A stretch over which sound is judged that is lost all the time. */
const SENTENCES_MS = 10_000;

scene('Firefox and Chromium see and hear each other over a link that loses 5 % and takes 100 ms', async (world, t) => {
  await withRelays(world.server, ['Ann', 'Fox'], async (...relays) => {
    for (const relay of relays) relay.set({ lossRatio: 0.05, delayMs: 100 });
    const [ann, fox] = await meet(world, [{ name: 'Ann' }, { name: 'Fox', browser: 'firefox' }], relays);
    await ann.watches('Fox');
    await fox.watches('Ann');
    await Promise.all([ann.hears(), fox.hears()]);
    // Firefox takes one lost check for a lost connection; with all of them lost it must not come to that.
    relays[1].set({ down: { losesChecks: true } });
    const [byAnn, byFox] = await Promise.all([ann.receives(15_000), fox.receives(15_000)]);
    for (const [who, samples, name] of [
      ['Ann', byAnn, 'Fox'],
      ['Fox', byFox, 'Ann'],
    ]) {
      tell(t, who, samples, name);
      assert.ok(longestStop(samples, name) < STOP_MS_MAX, `${who}'s picture of ${name} stood still`);
      assert.ok(frameRate(samples, name) > 5, `${who} sees ${name} jerk`);
      // 5 % are lost on each of two links, and sound is not sent again. What is played around a loss counts too. Over some
      // words a browser that had no processor meanwhile would count as well.
      assert.ok(concealment(samples, SENTENCES_MS) < 0.3, `${who} hears ${name} badly`);
    }
    for (const [index, someone] of [ann, fox].entries()) {
      const { port, made } = await someone.driver.evaluate(async () => ({
        port: await window.probe.remotePort(),
        made: window.probe.connectionsMade(),
      }));
      assert.ok(
        relays[index].ports.some(([, own]) => own === port),
        'the call goes through the relay',
      );
      assert.equal(made, 1, `${someone.name} had to connect again`);
    }
  });
});

scene('a client whose address changes sees, is seen and is heard again within two seconds', async (world, t) => {
  await withRelays(world.server, ['Gil', 'Fay'], async (...relays) => {
    for (const relay of relays) relay.set({ delayMs: 20 });
    const [gil, fay] = await meet(world, [{ name: 'Gil' }, { name: 'Fay', browser: 'firefox' }], relays);
    await gil.watches('Fay', 30);
    await fay.watches('Gil', 30);
    await Promise.all([gil.hears(), fay.hears()]);
    for (const [index, who] of ['Gil', 'Fay'].entries()) {
      const move = async () => {
        await sleep(1_000);
        relays[index].rebind();
        await sleep(5_000);
      };
      const [byGil, byFay] = await Promise.all([gil.receives(move), fay.receives(6_000)]);
      for (const [watcher, samples, name] of [
        ['Gil', byGil, 'Fay'],
        ['Fay', byFay, 'Gil'],
      ]) {
        tell(t, `${who} moves, ${watcher}`, samples, name);
        assert.ok(longestStop(samples, name) < STOP_MS_MAX, `${who} moves, ${watcher}'s picture stands still`);
        assert.ok(longestSilence(samples) < STOP_MS_MAX, `${who} moves, ${watcher} hears nothing`);
      }
    }
    assert.equal(await gil.driver.evaluate(() => window.probe.connectionsMade()), 1, 'Gil had to connect again');
    assert.equal(await fay.driver.evaluate(() => window.probe.connectionsMade()), 1, 'Fay had to connect again');
  });
});

scene('who loses network and socket at once comes back by the resume token alone', async (world, t) => {
  await withRelays(world.server, ['Ada', 'Bob'], async (...relays) => {
    const [ada, bob] = await meet(world, [{ name: 'Ada' }, { name: 'Bob', camera: false }], relays);
    await bob.watches('Ada', 20);
    await ada.driver.evaluate(() => window.probe.signalling(false));
    // No way that was known leads to the server any more; another is told with the answer.
    const other = await Relay.open(world.server.udpPorts, 7);
    try {
      await ada.driver.evaluate((ports) => sessionStorage.setItem('relay', ports), JSON.stringify(other.ports));
      relays[0].close();
      const lostAt = Date.now();
      await bob.watches('Ada', 20);
      await until('Bob sees Ada over the other way', async () => {
        const port = await ada.driver.evaluate(() => window.probe.remotePort());
        return other.ports.some(([, own]) => own === port);
      });
      t.diagnostic(`back after ${Date.now() - lostAt} ms`);
      await bob.watches('Ada', 20);
      assert.equal(await ada.driver.evaluate(() => window.probe.connectionsMade()), 1, 'Ada had to connect again');
      await ada.driver.evaluate(() => window.probe.signalling(true));
      await ada.sees('button', 'Leave');
      await ada.write('I am back');
      await bob.reads('I am back');
    } finally {
      other.close();
    }
  });
});
