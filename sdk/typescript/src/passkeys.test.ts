import { expect, test } from 'vitest';
import { creationOptions } from './passkeys.ts';

test('a device is asked for a passkey that needs no address, and for its lock', () => {
  const options = creationOptions({
    challenge: '-_-_',
    rpId: 'talk.example',
    rpName: 'Boltorezka',
    userHandle: 'AQI',
    userName: 'ann@example.org',
    displayName: 'Ann',
    algorithms: [-8, -7],
    excludeCredentials: ['AA'],
    timeoutMs: 300_000,
  });
  expect(options.challenge).toEqual(new Uint8Array([0xfb, 0xff, 0xbf]));
  expect(options.user.id).toEqual(new Uint8Array([1, 2]));
  expect(options.excludeCredentials).toEqual([{ type: 'public-key', id: new Uint8Array([0]) }]);
  expect(options.authenticatorSelection).toMatchObject({ residentKey: 'required', userVerification: 'required' });
  expect(options.attestation).toBe('none');
});
