// The service worker: it shows what is pushed, and leads to it. It keeps nothing and stands before no request.
import { isNotice, shownOf } from './notice.ts';
import type { WorkerScope } from './worker-scope.ts';

const scope = globalThis as unknown as WorkerScope;

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));

scope.addEventListener('push', (event) => {
  event.waitUntil(show(read(event.data)));
});

// From a page of ours that nobody looks at; perhaps somebody looks at another one.
scope.addEventListener('message', (event) => {
  if (isNotice(event.data)) event.waitUntil(showUnseen(event.data));
});

scope.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(pathOf(event.notification.data)));
});

// The browser has taken another endpoint, or none: the server is told at once.
scope.addEventListener('pushsubscriptionchange', (event) => event.waitUntil(subscribeAgain()));

function read(data: { json(): unknown } | null): unknown {
  try {
    return data?.json();
  } catch {
    return undefined;
  }
}

/** Browsers want something shown for each push, also for one that a newer server has sent. */
function show(notice: unknown): Promise<void> {
  if (!isNotice(notice))
    return scope.registration.showNotification('Something is new', { tag: 'other', data: { path: '/' } });
  const { title, options } = shownOf(notice);
  return scope.registration.showNotification(title, options as NotificationOptions);
}

async function showUnseen(notice: unknown): Promise<void> {
  const tabs = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (!tabs.some(({ visibilityState }) => visibilityState === 'visible')) await show(notice);
}

function pathOf(data: unknown): string {
  const path = (data as { path?: unknown } | null)?.path;
  return typeof path === 'string' && path.startsWith('/') ? path : '/';
}

/** A tab that shows it, else any tab, else a new one. */
async function open(path: string): Promise<void> {
  const tabs = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const tab = tabs.find(({ url }) => new URL(url).pathname === path) ?? tabs[0];
  if (tab === undefined) {
    await scope.clients.openWindow(path);
    return;
  }
  tab.postMessage({ open: path });
  await tab.focus();
}

async function subscribeAgain(): Promise<void> {
  const answer = await fetch('/v1/push');
  if (!answer.ok) return;
  const { publicKey } = (await answer.json()) as { publicKey: string };
  const made = await scope.registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: publicKey,
  });
  const { endpoint, keys } = made.toJSON();
  await fetch('/v1/push/subscriptions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ endpoint, p256dh: keys?.p256dh, auth: keys?.auth }),
  });
}
