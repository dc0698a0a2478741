// An identity provider of somebody else's making (panva's oidc-provider, certified by the OpenID Foundation), on a port of
// its own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const CLIENT = { id: 'talk', secret: 'correct horse battery staple, at length' };

/** Whoever signs in there has the address `<name>@example.org`, which it says is theirs. */
const claimsOf = (sub) => ({ sub, email: `${sub}@example.org`, email_verified: true, name: `${sub} of the provider` });

export class TestProvider {
  #server;

  /** For a server whose pages are at `origin`. */
  static async start(origin) {
    const provider = new TestProvider();
    provider.#server = createServer().listen(0, '127.0.0.1');
    await once(provider.#server, 'listening');
    provider.issuer = `http://127.0.0.1:${provider.#server.address().port}`;
    const made = new Provider(provider.issuer, {
      clients: [
        {
          client_id: CLIENT.id,
          client_secret: CLIENT.secret,
          redirect_uris: [`${origin}/v1/auth/oidc/callback`],
          grant_types: ['authorization_code'],
          response_types: ['code'],
        },
      ],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      cookies: { keys: ['a key of the test'] },
      findAccount: (_, sub) => ({ accountId: sub, claims: () => claimsOf(sub) }),
    });
    provider.#server.on('request', made.callback());
    return provider;
  }

  /** What the server is told of it, as on the command line. */
  get settings() {
    const values = { issuer: this.issuer, 'client-id': CLIENT.id, 'client-secret': CLIENT.secret, name: 'Panva' };
    return Object.entries(values).flatMap(([name, value]) => [`--oidc-${name}`, value]);
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Signs in on the provider's pages, and lets it tell the server who one is. */
export async function signInThere(page, name) {
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('whatever it is');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
