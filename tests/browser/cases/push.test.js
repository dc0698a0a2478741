// Firefox subscribes at a push service, gets what the server pushes while no page is open, and shows it.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { FirefoxDriver, launchFirefox } from '../lib/firefox.js';
import { isFit } from '../lib/fit.js';
import { Person } from '../lib/person.js';
import { PushService } from '../lib/push-service.js';
import { sleep, until } from '../lib/wait.js';
import { world } from '../lib/world.js';

let service;
const scene = world(async () => {
  service = await PushService.start();
  return service.settings;
});
after(() => service?.close());

/** A file of the site that is no page of the client: it has no socket. */
const ASIDE = '/push-worker.js';

/** Within this time it would be pushed: the server looks twice a second. */
const NOTHING_MS = 2_000;

/** What the browser shows now. */
function shown(person) {
  return person.driver.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration('/');
    const notifications = await registration.getNotifications();
    return notifications.map(({ title, body, tag, data }) => ({ title, body, tag, path: data.path }));
  });
}

async function menuItem(person, name) {
  const handle = await person.driver.page.evaluateHandle(
    (name) => [...document.querySelectorAll('[role=menuitem]')].find((item) => item.textContent.trim() === name),
    name,
  );
  return handle.asElement();
}

scene('Firefox is told of a message while no page is open', async (world) => {
  const firefox = await launchFirefox(service.firefoxPreferences);
  try {
    const fox = new Person('Fox', await FirefoxDriver.open(firefox), world.server.origin);
    await fox.register();
    const worker = await fetch(`${fox.origin}${ASIDE}`);
    assert.match(worker.headers.get('content-security-policy'), /worker-src 'self'/);
    assert.doesNotMatch(await worker.text(), /^import/, 'it is one file, which every browser takes');
    await fox.driver.goto(`${fox.origin}/account`);
    await fox.sees('button', 'Notify me in this browser');
    assert.deepEqual((await fox.api('GET', '/v1/push')).subscriptions, []);
    await fox.driver.click('button', 'Notify me in this browser');
    const status = await until('the server has the browser', async () => {
      const status = await fox.api('GET', '/v1/push');
      return status.subscriptions.length === 1 && status;
    });
    assert.equal([...service.subscriptions.values()][0].key, status.publicKey);
    const { user } = await fox.api('GET', '/v1/auth/me');
    await until('the page shows it', () => fox.driver.evaluate(() => document.querySelector('[role=switch]') !== null));
    await isFit(fox, 'a browser that is notified');

    // His page is gone, and the owner writes to him.
    await fox.driver.goto(`${fox.origin}${ASIDE}`);
    const { room } = await world.owner.api('POST', '/v1/direct', { userId: user.id });
    await world.owner.enter(room);
    await world.owner.sees('button', 'Join');
    if (!(await world.owner.driver.isVisible('textbox', 'Message'))) await world.owner.driver.click('button', 'Chat');
    await world.owner.write('Are you there? ☕');
    const push = await until('it is pushed', () => service.pushed[0]);
    assert.equal(push.headers['content-encoding'], 'aes128gcm');
    assert.equal(push.headers.urgency, 'normal');
    assert.match(push.headers.topic, /^[\w-]{32}$/);
    assert.ok(Number(push.headers.ttl) > 86_000);
    assert.equal(push.claims.sub, 'mailto:ops@example.org');
    assert.ok(!push.body.includes('Are you there'), 'it is encrypted');
    await until('Firefox has decrypted it', () => push.code !== undefined);
    assert.equal(push.code, 100);
    const expected = {
      title: 'Olga Owner',
      body: 'Are you there? ☕',
      tag: `message:default/${room}`,
      path: `/rooms/${room}`,
    };
    await until('it is shown', async () => (await shown(fox)).length === 1);
    assert.deepEqual(await shown(fox), [expected]);

    // The next one takes its place.
    await world.owner.write('It is about the cat');
    await until('it is pushed too', () => service.pushed[1]?.code === 100);
    await until('it is shown', async () => (await shown(fox))[0]?.body === 'It is about the cat');
    assert.equal((await shown(fox)).length, 1);

    // She calls, and gives up: one takes the place of the other.
    await world.owner.join();
    const ringing = await until('the call is pushed', () => service.pushed[2]);
    assert.equal(ringing.headers.urgency, 'high');
    assert.ok(Number(ringing.headers.ttl) <= 60);
    const call = async () => (await shown(fox)).find(({ tag }) => tag === `call:default/${room}`)?.title;
    await until('the call is shown', async () => (await call()) === 'Olga Owner calls you');
    await world.owner.leave();
    await until('the missed call is shown', async () => (await call()) === 'Olga Owner called you');
    assert.equal((await shown(fox)).length, 2);
    assert.deepEqual(
      service.pushed.map(({ code }) => code),
      [100, 100, 100, 100],
    );

    // With a page open he is told there.
    await fox.driver.goto(`${fox.origin}/account`);
    await fox.sees('button', 'Account');
    await until('his page is connected', async () => {
      const { items } = await world.owner.api('GET', '/v1/direct');
      return items[0].user.online;
    });
    await world.owner.write('In the page');
    await until('he has it in his inbox', async () => (await fox.api('GET', '/v1/notifications')).unreadCount === 4);
    await sleep(NOTHING_MS);
    assert.equal(service.pushed.length, 4);

    // Signed out, the browser has no subscription any more, and neither has the server.
    await fox.driver.click('button', 'Account');
    const signOut = await until('the menu is open', () => menuItem(fox, 'Sign out'));
    await signOut.click();
    await until('the subscription is given up', () => service.subscriptions.size === 0);
    await world.owner.write('After the end');
    await sleep(NOTHING_MS);
    assert.equal(service.pushed.length, 4);
  } finally {
    await firefox.close();
  }
});

// Its own push service takes nobody in a browser without an account of Google's: what is pushed comes by its debugger.
scene('in Chromium a notification leads to the room that it is about', async (world) => {
  const slug = await world.room('text');
  const ann = await world.person('Ann', { width: 390, height: 844, isPhone: true });
  const { page, context } = ann.driver;
  await context.grantPermissions(['notifications'], { origin: ann.origin });
  await page.goto(`${ann.origin}/account`);
  await ann.sees('button', 'Notify me in this browser');
  await isFit(ann, 'notifications on the account page');
  const session = await context.newCDPSession(page);
  const registered = new Promise((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const registration = registrations.find(({ scopeURL }) => scopeURL.startsWith(ann.origin));
      if (registration) resolve(registration.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  await ann.driver.evaluate(async () => {
    await navigator.serviceWorker.register('/push-worker.js');
    await navigator.serviceWorker.ready;
  });
  const registrationId = await registered;
  const push = (data) =>
    session.send('ServiceWorker.deliverPushMessage', {
      origin: ann.origin,
      registrationId,
      data: JSON.stringify(data),
    });
  const notice = { type: 'message', workspace: 'default', room: slug, roomTitle: 'Talk', notificationId: 'n' };
  const said = { kind: 'mention', senderName: 'Olga', text: 'look', at: '2026-11-22T00:51:00.000Z' };
  await push({ ...notice, ...said });
  await until('it is shown', async () => (await shown(ann))[0]?.title === 'Olga mentioned you in Talk');
  // What a newer server sends is shown too, in few words.
  await push({ type: 'of tomorrow' });
  await until('something is shown', async () => (await shown(ann)).some(({ title }) => title === 'Something is new'));
  const [worker] = context.serviceWorkers();
  await worker.evaluate(async (tag) => {
    const [notification] = await self.registration.getNotifications({ tag });
    self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
  }, `message:default/${slug}`);
  await until('the room is open', () => new URL(page.url()).pathname === `/rooms/${slug}`);
  await until('the notification is gone', async () => (await shown(ann)).length === 1);
});
