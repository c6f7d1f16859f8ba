import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

/** A real provider of OpenID Connect, on loopback. */
export interface OpenIdProvider extends AsyncDisposable {
  readonly issuer: URL
}

const CLIENT = { clientId: 'registry', clientSecret: 'a secret of this test' }
export const OPEN_ID_CLIENT = CLIENT

/**
 * Starts one, in which everybody may sign in by their subject, and has these roles; some call themselves otherwise.
 * @param redirectUri where it may lead back to
 * @param host its name: to a browser, `localhost` is another site than an address
 */
export async function openIdProvider(
  redirectUri: string,
  roles: Readonly<Record<string, readonly string[]>>,
  names: Readonly<Record<string, string>> = {},
  host = '127.0.0.1',
): Promise<OpenIdProvider> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://${host}:${(server.address() as AddressInfo).port}`
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        redirect_uris: [redirectUri],
        // Whoever says nothing else signs with RS256 (OpenID Connect Core, 3.1.3.7).
        id_token_signed_response_alg: 'RS256',
      },
    ],
    claims: { openid: ['sub', 'roles'], profile: ['preferred_username'], email: ['email'] },
    cookies: { keys: ['a key of this test'] },
    findAccount: (_: unknown, sub: string) => ({
      accountId: sub,
      claims: () => ({ sub, preferred_username: names[sub] ?? sub, roles: roles[sub] ?? [] }),
    }),
  })
  server.on('request', provider.callback())
  return {
    issuer: new URL(issuer),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A browser, as far as signing in needs one: it follows redirects, and keeps cookies by origin. */
export class SmallBrowser {
  readonly #cookies = new Map<string, Map<string, string>>()

  /** The cookies of an origin. */
  cookies(origin: string): string {
    return [...(this.#cookies.get(origin) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** Goes to a page, and to where it leads. */
  async open(
    url: URL,
    form?: Readonly<Record<string, string>>,
  ): Promise<{ readonly url: URL; readonly text: string; readonly status: number }> {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: this.cookies(url.origin) },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    })
    const jar = this.#cookies.get(url.origin) ?? new Map<string, string>()
    this.#cookies.set(url.origin, jar)
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') jar.delete(name)
      else jar.set(name, value)
    }
    const location = response.headers.get('location')
    const text = await response.text()
    return location === null ? { url, text, status: response.status } : this.open(new URL(location, url))
  }
}
