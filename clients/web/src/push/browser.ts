import type { Client } from '@boltorezka/client';

/** Where the worker is; its scope is the whole site. */
const WORKER = '/push-worker.js';
/** Who wants pushes in this browser, by the account's id: whoever else signs in here has not asked for them. */
const KEY = 'boltorezka.push';

/** What this browser can do: show them, not yet, not at all. */
export type Permission = 'granted' | 'askable' | 'denied' | 'unsupported';

export function permission(): Permission {
  const isThere = 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis;
  if (!isThere) return 'unsupported';
  const state = Notification.permission;
  return state === 'default' ? 'askable' : state;
}

/** Why there is nothing to switch on, in words. */
export function obstacle(state: Permission, available: boolean, reason: string | undefined): string | undefined {
  if (!available) return reason ?? 'This server does not notify browsers.';
  if (state === 'unsupported') {
    return 'This browser cannot be notified here. On an iPhone or iPad, add this page to the Home Screen first.';
  }
  if (state === 'denied') {
    return 'You have forbidden this site to notify you. Allow it in the settings of your browser, and come back.';
  }
  return undefined;
}

/** Whether a subscription was made with this key of the server. */
export function isMadeWith(publicKey: string, key: ArrayBuffer | null): boolean {
  if (key === null) return false;
  const binary = Array.from(new Uint8Array(key), (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '') === publicKey;
}

/** Has this browser subscribed, with the server's key of now. Returns whether it was not before. */
async function subscribed(publicKey: string): Promise<{ subscription: PushSubscription; isNew: boolean }> {
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  const known = await pushManager.getSubscription();
  if (known !== null && isMadeWith(publicKey, known.options.applicationServerKey)) {
    return { subscription: known, isNew: false };
  }
  await known?.unsubscribe();
  const options = { userVisibleOnly: true, applicationServerKey: publicKey };
  return { subscription: await pushManager.subscribe(options), isNew: true };
}

/** Asks the person, who has just pressed a button, and subscribes. False when they do not want it. */
export async function subscribeBrowser(client: Client, userId: string, publicKey: string): Promise<boolean> {
  if ((await Notification.requestPermission()) !== 'granted') return false;
  const { subscription } = await subscribed(publicKey);
  await client.account.push.subscribe(subscription);
  remember(userId);
  note(await client.account.push.get());
  return true;
}

/** Subscribes again where somebody asked for it here before: a new session, or another key of the server. */
export async function keepSubscribed(client: Client, userId: string): Promise<void> {
  if (permission() !== 'granted' || remembered() !== userId) return;
  const status = await client.account.push.get();
  if (!status.available) return;
  const { subscription, isNew } = await subscribed(status.publicKey);
  const made = isNew || !status.subscriptions.some(({ current }) => current);
  const current = made ? [await client.account.push.subscribe(subscription)] : status.subscriptions;
  note({ enabled: status.enabled, subscriptions: current });
}

/** This browser gives its subscription up. */
export async function unsubscribeBrowser(): Promise<void> {
  if (permission() === 'unsupported') return;
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  await subscription?.unsubscribe();
}

/** The same, and nobody wants it here any more. */
export async function forgetBrowser(): Promise<void> {
  remember(undefined);
  wanted = false;
  await unsubscribeBrowser();
}

let wanted = false;

interface Noted {
  enabled: boolean;
  subscriptions: readonly { current: boolean }[];
}

/** What the server said last: whether the account wants to be notified, and in this browser. */
export function note({ enabled, subscriptions }: Noted): void {
  wanted = enabled && subscriptions.some(({ current }) => current);
}

/** Whether a page that nobody looks at has something shown. */
export function isWanted(): boolean {
  return wanted && permission() === 'granted';
}

function remembered(): string | undefined {
  try {
    return localStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(userId: string | undefined): void {
  try {
    if (userId === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, userId);
  } catch {
    // Without storage it has to be switched on again after the next sign-in.
  }
}
