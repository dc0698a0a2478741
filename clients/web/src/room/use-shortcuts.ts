import type { LocalMedia, MediaPermissions } from '@boltorezka/client';
import { useEffect, useEffectEvent } from 'react';
import { toggleCamera, toggleMicrophone } from './device-toggles.tsx';

/** Keys that work wherever no text is being written. */
export const SHORTCUTS = [
  { key: 'M', text: 'Microphone on or off' },
  { key: 'V', text: 'Camera on or off' },
  { key: '?', text: 'This list' },
] as const;

/** Calls `action` when a key is pressed outside text fields and dialogs, without modifiers. */
export function useKey(key: string, action: () => void): void {
  const latest = useEffectEvent(action);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== key || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (
        event.target instanceof Element &&
        event.target.closest('input, textarea, select, [role="dialog"], [role="menu"]')
      ) {
        return;
      }
      event.preventDefault();
      latest();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, [key]);
}

/** M and V. */
export function useShortcuts(media: LocalMedia, hasVideo: boolean, permissions?: MediaPermissions): void {
  useKey('m', () => {
    if (permissions?.microphone !== false) toggleMicrophone(media, !media.microphoneOn);
  });
  useKey('v', () => {
    if (hasVideo && permissions?.camera !== false) toggleCamera(media, !media.cameraOn);
  });
}
