// Narrow links between browsers and the real program.
import assert from 'node:assert/strict';
import { linkScenes, meet, tell, withRelays } from '../lib/links.js';
import { FAST, narrowForAWhile, seeTheBest, wentDownAndUp } from '../lib/narrow.js';
import { heights, sent } from '../lib/received.js';

const scene = linkScenes();

scene('a shared screen keeps its resolution on a narrow link', async (world, t) => {
  await withRelays(world.server, ['Dan', 'Eve'], async (...relays) => {
    for (const relay of relays) relay.set(FAST);
    const [dan, eve] = await meet(
      world,
      [
        { name: 'Dan', camera: false },
        { name: 'Eve', browser: 'firefox', camera: false },
      ],
      relays,
    );
    await eve.hears();
    await dan.turn('Share screen', true);
    const name = "Dan's screen";
    await seeTheBest([eve]);
    const narrowed = narrowForAWhile([relays[1]]);
    const received = [dan, eve].map((someone) => someone.receives(() => narrowed));
    const [byDan, byEve] = await Promise.all([...received, world.inspects(narrowed)]);
    tell(t, 'Eve', byEve, name);
    t.diagnostic(`Dan sends ${sent(byDan).join(' → ')}`);
    assert.deepEqual(heights(byEve, name), [await dan.driver.evaluate(() => window.probe.capturedHeight())]);
    wentDownAndUp('Eve', byEve, name);
  });
});
