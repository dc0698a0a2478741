import type { PushNotice } from '@boltorezka/client';
import { useEffect } from 'react';
import { useEvent } from '../app/hooks.ts';
import { navigate } from '../app/router.ts';
import { client } from '../app/session.tsx';
import { useGateway } from '../app/use-gateway.ts';
import { isWanted, keepSubscribed, permission } from './browser.ts';
import { noticeOf, noticeOfRinging } from './told.ts';

/** Keeps this browser subscribed, goes where a notification leads, and has one shown while nobody looks at the page. */
export function PushKeeper({ userId }: { userId: string }) {
  useEffect(() => {
    // What fails is tried at the next visit.
    keepSubscribed(client, userId).catch(() => undefined);
  }, [userId]);

  useEffect(() => {
    if (permission() === 'unsupported') return;
    const listener = ({ data }: MessageEvent<{ open?: unknown } | null>) => {
      if (typeof data?.open === 'string' && data.open.startsWith('/')) navigate(data.open);
    };
    navigator.serviceWorker.addEventListener('message', listener);
    return () => navigator.serviceWorker.removeEventListener('message', listener);
  }, []);

  // With a page open the server pushes nothing: it is told here.
  const gateway = useGateway(permission() === 'granted');
  useEvent(gateway, 'message', (message) => {
    if (!document.hidden || !isWanted()) return;
    if (message.type === 'notification.new') show(noticeOf(message.payload.notification));
    if (message.type === 'call.ringing') show(noticeOfRinging(message.payload.ringing));
  });
  return null;
}

function show(notice: PushNotice | undefined): void {
  if (notice === undefined) return;
  navigator.serviceWorker.getRegistration().then(
    (registration) => registration?.active?.postMessage(notice),
    () => undefined,
  );
}
