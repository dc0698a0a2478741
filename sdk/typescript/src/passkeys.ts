import type {
  AddPasskeyRequest,
  Passkey,
  PasskeyChallenge,
  PasskeyCreation,
  PasskeySignInRequest,
  Passkeys,
  User,
  UserEnvelope,
} from './proto.ts';
import { path, type Send } from './send.ts';

/** Whether this browser has passkeys, on this page: only pages over TLS, or of this machine, have them. */
export function canUsePasskeys(): boolean {
  return typeof globalThis.PublicKeyCredential === 'function' && globalThis.navigator?.credentials !== undefined;
}

/** The passkeys of one's own account. What the browser refuses rejects with its `DOMException`. */
export class OwnPasskeys {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The oldest first. */
  async list(): Promise<Passkey[]> {
    return (await this.#send<Passkeys>('GET', '/auth/passkeys')).items;
  }

  /** Has a device of the person's choice make one. */
  async add(name: string, password: string): Promise<Passkey> {
    const asked = await this.#send<PasskeyCreation>('POST', '/auth/passkeys/begin', { password });
    const made = await navigator.credentials.create({ publicKey: creationOptions(asked) });
    return this.#send('POST', '/auth/passkeys', addition(name, made as PublicKeyCredential));
  }

  rename(id: string, name: string): Promise<void> {
    return this.#send('PATCH', path('auth', 'passkeys', id), { name });
  }

  remove(id: string): Promise<void> {
    return this.#send('DELETE', path('auth', 'passkeys', id));
  }
}

/** Signs in by a passkey of the person's choice. */
export async function signInByPasskey(send: Send): Promise<User> {
  const asked = await send<PasskeyChallenge>('POST', '/auth/passkeys/sign-in/begin');
  const signed = await navigator.credentials.get({
    publicKey: {
      challenge: bytes(asked.challenge),
      rpId: asked.rpId,
      timeout: asked.timeoutMs,
      userVerification: 'required',
    },
  });
  const body = signature(signed as PublicKeyCredential);
  return (await send<UserEnvelope>('POST', '/auth/passkeys/sign-in', body)).user;
}

/** What the browser is asked for a new passkey with. */
export function creationOptions(asked: PasskeyCreation): PublicKeyCredentialCreationOptions {
  return {
    challenge: bytes(asked.challenge),
    rp: { id: asked.rpId, name: asked.rpName },
    user: { id: bytes(asked.userHandle), name: asked.userName, displayName: asked.displayName },
    pubKeyCredParams: asked.algorithms.map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: asked.excludeCredentials.map((id) => ({ type: 'public-key', id: bytes(id) })),
    authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
    attestation: 'none',
    timeout: asked.timeoutMs,
  };
}

function addition(name: string, made: PublicKeyCredential): AddPasskeyRequest {
  const response = made.response as AuthenticatorAttestationResponse;
  return { name, clientData: base64url(response.clientDataJSON), attestation: base64url(response.attestationObject) };
}

function signature(signed: PublicKeyCredential): PasskeySignInRequest {
  const response = signed.response as AuthenticatorAssertionResponse;
  return {
    credentialId: base64url(signed.rawId),
    userHandle: response.userHandle === null ? '' : base64url(response.userHandle),
    clientData: base64url(response.clientDataJSON),
    authenticatorData: base64url(response.authenticatorData),
    signature: base64url(response.signature),
  };
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0));
}

function base64url(buffer: ArrayBuffer): string {
  const binary = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
