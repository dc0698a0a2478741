import type { DeviceChoice } from '@boltorezka/client';

/** What a person chose and finds again next time. */
export interface Preferences {
  microphoneOn: boolean;
  cameraOn: boolean;
  devices: DeviceChoice;
}

const KEY = 'boltorezka.preferences';

const DEFAULTS: Preferences = { microphoneOn: true, cameraOn: true, devices: {} };

export function preferences(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return typeof stored === 'object' && stored !== null ? { ...DEFAULTS, ...stored } : DEFAULTS;
  } catch {
    return DEFAULTS;
  }
}

export function savePreferences(change: Partial<Preferences>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...preferences(), ...change }));
  } catch {
    // Without storage the choice holds until the page is closed.
  }
}
