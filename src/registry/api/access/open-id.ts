import type { Configuration } from 'openid-client'
import { messageOf } from '../../../core/errors.ts'
import { ROLES, type Role } from '../../../core/values/roles.ts'
import { MadeOnce } from '../../../platform/made-once.ts'
import { Refusal } from '../../refusal.ts'

/** A provider of OpenID Connect, where this registry is a client. */
export interface OpenIdSettings {
  readonly issuer: URL
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: string
  /** Which claim says roles, and what each is called there. */
  readonly claim: string
  readonly roles: readonly (readonly [role: Role, value: string])[]
}

/** What a browser keeps between its way to the provider and back. */
interface Flow {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Who has signed in there. */
export interface OpenIdPerson {
  /** For people; with the subject, since the provider may let them change their name to somebody else's. */
  readonly name: string
  /** What the provider knows them by. */
  readonly subject: string
  readonly role: Role
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
/** Longest name that is shown, and longest subject (OpenID Connect Core, 2). */
const MAX_NAME = 100
const MAX_SUBJECT = 255
const UNPRINTABLE = /[\p{C}\u2028\u2029]/gu

/**
 * Signing in with OpenID Connect: the authorization code flow with PKCE. The library is loaded, and the provider asked what it
 * can, when somebody first wants to sign in: a provider that is away keeps nobody else out.
 */
export class OpenId {
  readonly #settings: OpenIdSettings
  readonly #provider = new MadeOnce(() => this.#discover())

  constructor(settings: OpenIdSettings) {
    this.#settings = settings
  }

  /** What the page calls the provider. */
  get name(): string {
    return this.#settings.issuer.host
  }

  /** Where the browser goes, and what it keeps until it is back. @throws Refusal 503 when the provider does not answer */
  async begin(redirectUri: string): Promise<{ readonly url: URL; readonly kept: string }> {
    const client = await import('openid-client')
    const flow: Flow = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
    }
    const url = client.buildAuthorizationUrl(await this.#provider.get(), {
      redirect_uri: redirectUri,
      scope: this.#settings.scope,
      state: flow.state,
      nonce: flow.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(flow.verifier),
      code_challenge_method: 'S256',
    })
    return { url, kept: Buffer.from(JSON.stringify(flow)).toString('base64url') }
  }

  /**
   * The browser is back.
   * @throws Refusal when the provider does not say who it is, or gives no role
   */
  async finish(url: URL, kept: string | undefined): Promise<OpenIdPerson> {
    const flow = flowOf(kept)
    if (!flow) throw new Refusal(400, 'the way to the provider did not begin here, or took too long')
    const client = await import('openid-client')
    const provider = await this.#provider.get()
    try {
      const tokens = await client.authorizationCodeGrant(provider, url, {
        expectedState: flow.state,
        expectedNonce: flow.nonce,
        pkceCodeVerifier: flow.verifier,
        idTokenExpected: true,
      })
      const said = tokens.claims()
      if (!said) throw new Error('there is no ID token')
      // Providers put what is not asked for into the one or the other.
      const more = provider.serverMetadata().userinfo_endpoint
        ? await client.fetchUserInfo(provider, tokens.access_token, said.sub)
        : {}
      return this.#person({ ...more, ...said })
    } catch (error) {
      if (error instanceof Refusal) throw error
      throw new Refusal(401, `the provider does not say who it is: ${messageOf(error)}`)
    }
  }

  #person(claims: Readonly<Record<string, unknown>> & { readonly sub: string }): OpenIdPerson {
    const given = [claims[this.#settings.claim]].flat()
    const role = ROLES.findLast((one) =>
      this.#settings.roles.some(([name, value]) => name === one && given.includes(value)),
    )
    const names = [claims['preferred_username'], claims['email'], claims.sub]
    const name = String(names.find((one) => typeof one === 'string' && one !== ''))
      .slice(0, MAX_NAME)
      .replace(UNPRINTABLE, '')
    if (claims.sub.length > MAX_SUBJECT || UNPRINTABLE.test(claims.sub))
      throw new Refusal(401, 'the provider gives a subject that is none')
    if (!role) throw new Refusal(403, `the claim ${this.#settings.claim} of ${name} gives no role here`)
    return {
      name: `openid:${name === claims.sub ? name : `${name} (${claims.sub})`}`,
      subject: claims.sub,
      role,
    }
  }

  async #discover(): Promise<Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings
    try {
      const client = await import('openid-client')
      return await client.discovery(issuer, clientId, clientSecret, undefined, {
        execute: [
          client.enableNonRepudiationChecks,
          ...(LOOPBACK.test(issuer.hostname) ? [client.allowInsecureRequests] : []),
        ],
      })
    } catch (error) {
      throw new Refusal(503, `the provider ${issuer.href} does not answer: ${messageOf(error)}`)
    }
  }
}

function flowOf(kept: string | undefined): Flow | undefined {
  try {
    const flow = JSON.parse(Buffer.from(kept ?? '', 'base64url').toString()) as Partial<Flow> | null
    const { state, nonce, verifier } = flow ?? {}
    return [state, nonce, verifier].every((part) => typeof part === 'string' && part !== '')
      ? (flow as Flow)
      : undefined
  } catch {
    return undefined
  }
}
