import { OwnPasskeys } from './passkeys.ts';
import type {
  ChangePasswordRequest,
  DeletionPlanned,
  DisableSecondFactorRequest,
  Export,
  Me,
  OidcBegun,
  OidcLink,
  OidcLinkStatus,
  RecoveryCodes,
  SecondFactorSecret,
  Session,
  Sessions,
} from './proto.ts';
import { OwnPush } from './push.ts';
import { path, query, type Send } from './send.ts';

/** What people do with their own account. */
export class OwnAccount {
  readonly passkeys: OwnPasskeys;
  readonly push: OwnPush;
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
    this.passkeys = new OwnPasskeys(send);
    this.push = new OwnPush(send);
  }

  get(): Promise<Me> {
    return this.#send('GET', '/auth/me');
  }

  /** Has a link mailed that verifies the address. */
  sendVerification(): Promise<void> {
    return this.#send('POST', '/auth/email-verification');
  }

  /** All other sessions end. */
  changePassword(request: ChangePasswordRequest): Promise<void> {
    return this.#send('POST', '/auth/password', request);
  }

  /** Where one is signed in, those used last first. */
  async sessions(): Promise<Session[]> {
    return (await this.#send<Sessions>('GET', '/auth/sessions')).items;
  }

  endSession(id: string): Promise<void> {
    return this.#send('DELETE', path('auth', 'sessions', id));
  }

  /** All but this one. */
  endOtherSessions(): Promise<void> {
    return this.#send('DELETE', '/auth/sessions');
  }

  /** Begins to set a second factor up; it counts once it is confirmed. */
  enrolSecondFactor(password: string): Promise<SecondFactorSecret> {
    return this.#send('POST', '/auth/second-factor', { password });
  }

  /** Gives the recovery codes, once. */
  async confirmSecondFactor(code: string): Promise<string[]> {
    return (await this.#send<RecoveryCodes>('POST', '/auth/second-factor/confirm', { code })).recoveryCodes;
  }

  disableSecondFactor(request: DisableSecondFactorRequest): Promise<void> {
    return this.#send('POST', '/auth/second-factor/disable', request);
  }

  /** The identity of the provider that signs in to the account. */
  async oidcLink(): Promise<OidcLink | undefined> {
    return (await this.#send<OidcLinkStatus>('GET', '/auth/oidc/link')).link;
  }

  /** Begins to link the account to an identity: the browser goes to the address that comes back. */
  async linkOidc(password: string): Promise<string> {
    return (await this.#send<OidcBegun>('POST', '/auth/oidc/link', { password })).url;
  }

  unlinkOidc(): Promise<void> {
    return this.#send('DELETE', '/auth/oidc/link');
  }

  /** All that is kept of the account, with every page of its messages. */
  async export(): Promise<Export> {
    const whole = await this.#send<Export>('GET', '/auth/me/export');
    for (let cursor = whole.nextCursor; cursor !== undefined; ) {
      const page: Export = await this.#send('GET', `/auth/me/export${query({ cursor })}`);
      whole.messages.push(...page.messages);
      cursor = page.nextCursor;
    }
    delete whole.nextCursor;
    return whole;
  }

  /** Has the account erased, unless its owner logs in before. All sessions end. */
  delete(password: string): Promise<DeletionPlanned> {
    return this.#send('DELETE', '/auth/me', { password });
  }
}
