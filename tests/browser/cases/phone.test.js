// Every page at a phone's width and at a desktop's: nothing to scroll sideways, nothing that axe objects to.
import { isFit } from '../lib/fit.js';
import { world } from '../lib/world.js';

const scene = world();

const WINDOWS = [
  { name: 'phone', width: 390, height: 844, isPhone: true },
  { name: 'desktop', width: 1440, height: 900 },
];

for (const { name, ...window } of WINDOWS) {
  scene(`every page fits a ${name}`, async ({ call, owner, person }) => {
    const { slug, people } = await call(['Ann']);
    const ben = await person('Ben', window);
    await ben.sees('button', 'Account');
    await isFit(ben, 'list of rooms');
    await ben.arrive(slug, { microphone: true });
    await isFit(ben, 'lobby');
    await ben.join();
    await ben.watches('Ann');
    await people[0].watches('Ben');
    await isFit(ben, 'call');
    if (window.isPhone) {
      await ben.driver.click('button', 'Chat');
      await ben.sees('textbox', 'Message');
    }
    await ben.write('A word that is longer than a phone is wide: '.padEnd(400, 'x'));
    await people[0].reads('A word that is longer');
    await isFit(ben, 'chat');

    await owner.driver.page.setViewportSize({ width: window.width, height: window.height });
    await owner.driver.goto(`${owner.origin}/`);
    await owner.sees('button', 'New room');
    await owner.driver.click('button', 'New room');
    await owner.sees('button', 'Create room');
    await isFit(owner, 'new room');
  });
}
