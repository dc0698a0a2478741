import type { Client } from '@boltorezka/client';
import { afterEach, expect, test, vi } from 'vitest';
import {
  isMadeWith,
  isWanted,
  keepSubscribed,
  note,
  obstacle,
  permission,
  subscribeBrowser,
  unsubscribeBrowser,
} from './browser.ts';

const KEY = 'AQID';

/** A browser that has this permission, and this subscription. */
function browser(state: NotificationPermission, key: ArrayBuffer | null | undefined, asked = state) {
  const store = new Map<string, string>();
  const made = { options: { applicationServerKey: key ?? null }, unsubscribe: vi.fn(async () => true) };
  const pushManager = {
    getSubscription: async () => (key === undefined ? null : made),
    subscribe: vi.fn(async () => ({ name: 'new' })),
  };
  const registration = { pushManager };
  vi.stubGlobal('navigator', {
    serviceWorker: {
      register: vi.fn(async () => registration),
      ready: Promise.resolve(registration),
      getRegistration: async () => registration,
    },
  });
  vi.stubGlobal('PushManager', class {});
  vi.stubGlobal('Notification', { permission: state, requestPermission: async () => asked });
  vi.stubGlobal('localStorage', {
    getItem: (name: string) => store.get(name) ?? null,
    setItem: (name: string, value: string) => store.set(name, value),
    removeItem: (name: string) => store.delete(name),
  });
  return { made, pushManager, store };
}

function server(hasCurrent: boolean) {
  const push = {
    get: async () => ({
      available: true,
      publicKey: KEY,
      enabled: true,
      subscriptions: hasCurrent ? [{ current: true }] : [],
    }),
    subscribe: vi.fn(async () => ({ current: true })),
  };
  return { push, client: { account: { push } } as unknown as Client };
}

const bytes = (...values: number[]) => Uint8Array.from(values).buffer;

afterEach(() => vi.unstubAllGlobals());

test('it is said why a browser cannot be notified', () => {
  expect(obstacle('askable', true, undefined)).toBeUndefined();
  expect(obstacle('granted', true, undefined)).toBeUndefined();
  expect(obstacle('granted', false, 'no https')).toBe('no https');
  expect(obstacle('denied', true, undefined)).toContain('forbidden');
  expect(obstacle('unsupported', true, undefined)).toContain('cannot');
  vi.stubGlobal('navigator', {});
  expect(permission()).toBe('unsupported');
});

test('a subscription is of the key that it was made with', () => {
  expect(isMadeWith(KEY, bytes(1, 2, 3))).toBe(true);
  expect(isMadeWith('-_8', bytes(251, 255))).toBe(true);
  expect(isMadeWith(KEY, bytes(1, 2, 4))).toBe(false);
  expect(isMadeWith(KEY, null)).toBe(false);
});

test('who says no is not subscribed', async () => {
  const { pushManager } = browser('default', undefined, 'denied');
  const { push, client } = server(false);
  expect(await subscribeBrowser(client, 'ann', KEY)).toBe(false);
  expect(pushManager.subscribe).not.toHaveBeenCalled();
  expect(push.subscribe).not.toHaveBeenCalled();
});

test('who asked for it here stays subscribed in the next session, and nobody else is', async () => {
  const { store } = browser('granted', bytes(1, 2, 3));
  const asked = server(false);
  expect(await subscribeBrowser(asked.client, 'ann', KEY)).toBe(true);
  expect(store.get('boltorezka.push')).toBe('ann');
  const next = server(false);
  await keepSubscribed(next.client, 'ann');
  expect(next.push.subscribe).toHaveBeenCalledTimes(1);
  const same = server(true);
  await keepSubscribed(same.client, 'ann');
  expect(same.push.subscribe).not.toHaveBeenCalled();
  const another = server(false);
  await keepSubscribed(another.client, 'bob');
  expect(another.push.subscribe).not.toHaveBeenCalled();
});

test('another key of the server has it made anew', async () => {
  const { made, pushManager, store } = browser('granted', bytes(9));
  store.set('boltorezka.push', 'ann');
  const { push, client } = server(true);
  await keepSubscribed(client, 'ann');
  expect(made.unsubscribe).toHaveBeenCalledTimes(1);
  expect(pushManager.subscribe).toHaveBeenCalledWith({ userVisibleOnly: true, applicationServerKey: KEY });
  expect(push.subscribe).toHaveBeenCalledWith({ name: 'new' });
});

test('signing out gives the subscription up', async () => {
  const { made } = browser('granted', bytes(1, 2, 3));
  await unsubscribeBrowser();
  expect(made.unsubscribe).toHaveBeenCalledTimes(1);
});

test('a hidden page shows something while the account wants that here', async () => {
  const { store } = browser('granted', bytes(1, 2, 3));
  note({ enabled: true, subscriptions: [] });
  expect(isWanted()).toBe(false);
  store.set('boltorezka.push', 'ann');
  await keepSubscribed(server(false).client, 'ann');
  expect(isWanted()).toBe(true);
  note({ enabled: false, subscriptions: [{ current: true }] });
  expect(isWanted()).toBe(false);
  browser('denied', bytes(1, 2, 3));
  note({ enabled: true, subscriptions: [{ current: true }] });
  expect(isWanted()).toBe(false);
});
