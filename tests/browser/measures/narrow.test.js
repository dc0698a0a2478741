// A camera over a narrow link, between browsers and the real program. Not part of the tests: ten runs in a row held, but in some
// the picture stood for nearly as long as it may. `node --test tests/browser/measures/narrow.test.js`.
import { linkScenes, meet, tell, withRelays } from '../lib/links.js';
import { FAST, narrowForAWhile, seeTheBest, wentDownAndUp } from '../lib/narrow.js';

const scene = linkScenes();

scene('a link that narrows to 500 kb/s and widens again: layers go down and up, nothing stops', async (world, t) => {
  await withRelays(world.server, ['Kim', 'Lea'], async (...relays) => {
    for (const relay of relays) relay.set(FAST);
    const [kim, lea] = await meet(
      world,
      [
        { name: 'Kim', isCameraBusy: true },
        { name: 'Lea', browser: 'firefox', isCameraBusy: true },
      ],
      relays,
    );
    await Promise.all([kim.hears(), lea.hears()]);
    await seeTheBest([kim, lea]);
    const narrowed = narrowForAWhile(relays);
    const received = [kim, lea].map((someone) => someone.receives(() => narrowed));
    const [byKim, byLea] = await Promise.all([...received, world.inspects(narrowed)]);
    tell(t, 'Kim', byKim, 'Lea');
    tell(t, 'Lea', byLea, 'Kim');
    wentDownAndUp('Kim', byKim, 'Lea');
    wentDownAndUp('Lea', byLea, 'Kim');
  });
});
