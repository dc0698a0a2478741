import type { OidcError } from '@boltorezka/client';

const TEXTS: Record<OidcError, string> = {
  expired: 'That sign-in took too long, or was begun in another browser. Try again.',
  denied: 'You were not signed in there. Try again, or sign in by password.',
  provider_unavailable: 'The sign-in service cannot be reached now. Try again later, or sign in by password.',
  bad_answer:
    'The sign-in service gave an answer that cannot be trusted. Try again; if it stays so, tell the operator.',
  no_address: 'The sign-in service has not given your e-mail address, and an account needs one.',
  registration_closed: 'You have no account here yet, and this server takes invited people only. Ask its operator.',
  no_invite: 'The invite is unknown, used up, expired or for another address. Ask for a new one.',
  blocked: 'Your account is blocked.',
  address_taken:
    'Your address already has an account here. Sign in by password, and link the two on your account page.',
  linked_elsewhere: 'That identity belongs to another account, or your account has another one. Unlink it first.',
  signed_out: 'You were signed out meanwhile. Sign in and try again.',
  rate_limited: 'Too many tries. Wait a minute, and try again.',
  internal: 'Something went wrong here. Try again.',
};

/** Why a sign-in by a provider came to nothing, in plain words; nothing when there was none. */
export function providerErrorText(error: string | undefined): string | undefined {
  if (error === undefined) return undefined;
  return isKnown(error) ? TEXTS[error] : TEXTS.internal;
}

function isKnown(error: string): error is OidcError {
  return Object.hasOwn(TEXTS, error);
}
