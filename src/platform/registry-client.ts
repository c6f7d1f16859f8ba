import type { KeyObject } from 'node:crypto'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import { type Decryptor, verifySignature } from '../core/crypto/rsa.ts'
import { SECRET_LENGTH } from '../core/crypto/secret.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import { AUTHORITY_HEADER, HMAC_HEADER, type MethodName } from '../core/rpc/methods.ts'
import { formatTarget } from '../core/rpc/request-target.ts'
import { isAnswerAuthentic, nextSecret, requestHmac } from '../core/rpc/session.ts'
import { type PeerAddress, parseAddressList } from '../core/values/address-list.ts'
import { isBits } from '../core/values/bits.ts'
import { type Prefix, prefixOfBits } from '../core/values/prefix.ts'
import { printable } from '../core/values/printable.ts'
import { type HttpAnswer, httpGet } from './http-get.ts'
import { Turns } from './turns.ts'
import { VERSION } from './version.ts'

/** Who calls: needed for the methods of a node. */
export interface RegistryIdentity {
  readonly prefix: Prefix
  readonly caPublicKey: KeyObject
  readonly decrypt: Decryptor
  /** Which certificate of the CA we have: SHA-256 in hexadecimal; undefined: the registry is not told. */
  readonly caFingerprint?: string
}

/** How the registry was. */
export interface RegistryContact {
  /** When it last answered, whatever that was. Milliseconds since the Unix epoch. */
  readonly lastAnswerMs: number | undefined
  /** Why the last call failed; undefined: it did not. */
  readonly lastError: string | undefined
}

/** A node that the registry proposes to connect to. */
export interface BootstrapPeer {
  readonly prefix: Prefix
  readonly addresses: readonly PeerAddress[]
}

/** The registry takes up to 3 s to ask the network; a slow line or a busy registry takes longer. */
const TIMEOUT_MS = 60_000
/** For the registry's log. */
const USER_AGENT = `re6stnet/${VERSION} protocol/${PROTOCOL}`
/** A configuration with a long CRL is the longest answer. */
const MAX_BODY_LENGTH = 4 << 20

/**
 * Calls the registry (protocol, section 4). One call at a time for the methods of a node: each uses the secret that
 * the one before left.
 */
export class RegistryClient {
  readonly #url: URL
  readonly #timeoutMs: number
  #identity: RegistryIdentity | undefined
  #secret: Buffer | undefined
  #isIdentityTold = false
  #contact: RegistryContact = { lastAnswerMs: undefined, lastError: undefined }
  readonly #now: () => number
  /** Calls are made one after another: each secret is used once. */
  readonly #turns = new Turns()
  #moved = new AbortController()

  /** @throws Re6stError `OPTION` for a URL that is not http or https */
  constructor(url: string, identity?: RegistryIdentity, timeoutMs = TIMEOUT_MS, now = Date.now) {
    this.#now = now
    this.#url = registryUrl(url)
    this.#identity = identity
    this.#timeoutMs = timeoutMs
  }

  /** How the registry was when we last asked it. */
  get contact(): RegistryContact {
    return this.#contact
  }

  /** Ends calls that wait for an answer: the connection of this machine is another one, and none will come. */
  networkChanged(): void {
    this.#moved.abort(
      new Re6stError('REGISTRY', `${this.#url.href}: the network of this machine changed before it answered`),
    )
    this.#moved = new AbortController()
  }

  /** Goes on as somebody else: the certificate, or the CA, was renewed. */
  setIdentity(identity: RegistryIdentity): void {
    this.#identity = identity
    this.#secret = undefined
    this.#isIdentityTold = false
  }

  /** Whether the registry has heard from us as we are now: also which certificate of the CA we have. */
  get isIdentityTold(): boolean {
    return this.#isIdentityTold
  }

  /** The CA's certificate in PEM. */
  getCa(signal?: AbortSignal): Promise<string> {
    return this.#noted(this.#askCa(signal))
  }

  async #askCa(signal?: AbortSignal): Promise<string> {
    const answer = await this.#get(formatTarget('getCa', {}), {}, signal)
    // Every registry has a CA: what does not know it is a web server of another kind.
    if (answer.status >= 400 && answer.status < 500) throw this.#notARegistry(`status ${answer.status}`)
    const pem = this.#result(answer).toString('utf8')
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw this.#notARegistry('it sent no CA certificate')
    return pem
  }

  /** Has a token mailed. */
  async requestToken(email: string, signal?: AbortSignal): Promise<void> {
    const answer = await this.#noted(this.#get(formatTarget('requestToken', { email }), {}, signal))
    const body = this.#result(answer)
    // The page of a hotel's network is no token on its way.
    if (answer.status !== 204)
      throw this.#notARegistry(`an answer of ${body.length} bytes where none is expected`)
  }

  /** A certificate in PEM; undefined for an unknown token. An empty token asks for an anonymous certificate. */
  async requestCertificate(
    {
      token,
      csr,
      location = '',
    }: { readonly token: string; readonly csr: string; readonly location?: string },
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const body = await this.#public('requestCertificate', { token, req: csr, location }, signal)
    return body.length === 0 ? undefined : body.toString('utf8')
  }

  /** Our certificate in PEM: a new one if it is due. */
  async renewCertificate(signal?: AbortSignal): Promise<string> {
    return (await this.#authenticated('renewCertificate', {}, signal)).toString('utf8')
  }

  /** DH parameters in PEM. */
  async getDh(signal?: AbortSignal): Promise<string> {
    return (await this.#authenticated('getDh', {}, signal)).toString('utf8')
  }

  /** The network's configuration, as it was sent. */
  getNetworkConfig(signal?: AbortSignal): Promise<Buffer> {
    return this.#authenticated('getNetworkConfig', {}, signal)
  }

  /** Country code of an address, if the registry knows it. */
  async getCountry(address: string, signal?: AbortSignal): Promise<string | undefined> {
    return (await this.#authenticated('getCountry', { address }, signal)).toString('utf8') || undefined
  }

  /** A node to connect to; undefined if the registry could reach none. */
  async getBootstrapPeer(signal?: AbortSignal): Promise<BootstrapPeer | undefined> {
    const encrypted = await this.#authenticated('getBootstrapPeer', {}, signal)
    if (encrypted.length === 0) return undefined
    const [prefix = '', addresses = ''] = this.#mustBeNode().decrypt(encrypted).toString('utf8').split(' ')
    if (prefix === '' || !isBits(prefix)) throw this.#notARegistry('it sent no usable bootstrap peer')
    return { prefix: prefixOfBits(prefix), addresses: parseAddressList(addresses).addresses }
  }

  #public(method: MethodName, parameters: Record<string, string>, signal?: AbortSignal): Promise<Buffer> {
    return this.#noted(
      this.#get(formatTarget(method, parameters), {}, signal).then((answer) => this.#result(answer)),
    )
  }

  #authenticated(
    method: MethodName,
    parameters: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Buffer> {
    return this.#noted(this.#turns.take(() => this.#callWithRetry(method, parameters, signal)))
  }

  async #callWithRetry(
    method: MethodName,
    parameters: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Buffer> {
    const target = formatTarget(method, { cn: this.#mustBeNode().prefix, ...parameters })
    const hadSession = this.#secret !== undefined
    const first = await this.#call(target, signal)
    if (first.kind === 'authentic') return first.body
    if (first.kind === 'later') return this.#result(first.answer)
    // Our session may be gone: the registry was started again, or another used our name. Say hello, once more.
    const second = hadSession || first.kind === 'retry' ? await this.#call(target, signal) : first
    if (second.kind === 'authentic') return second.body
    if (second.answer.status !== 200 && second.answer.status !== 204) return this.#result(second.answer)
    throw new Re6stError(
      'REGISTRY',
      `${this.#url.href}: the answer is not from our registry (its HMAC is wrong)`,
    )
  }

  async #call(
    target: string,
    signal?: AbortSignal,
  ): Promise<
    { kind: 'authentic'; body: Buffer } | { kind: 'retry' | 'later' | 'failed'; answer: HttpAnswer }
  > {
    const secret = this.#secret ?? (await this.#hello(signal))
    // Whatever happens now, this secret is used; only an authentic answer gives the next one.
    this.#secret = undefined
    const identity = this.#mustBeNode()
    const { caFingerprint } = identity
    const answer = await this.#get(
      target,
      {
        [HMAC_HEADER]: requestHmac(secret, target).toString('base64'),
        ...(caFingerprint === undefined ? {} : { [AUTHORITY_HEADER]: caFingerprint }),
      },
      signal,
    )
    const given = Buffer.from(String(answer.headers[HMAC_HEADER.toLowerCase()] ?? ''), 'base64')
    const isAuthentic = isAnswerAuthentic(secret, answer.body, given)
    if (answer.status === 429 || answer.status === 503) {
      // To come back later is no reason to begin anew. Unsigned, it may be said before the call was looked at.
      this.#secret = isAuthentic ? nextSecret(secret) : secret
      return { kind: 'later', answer }
    }
    if (answer.status !== 200 && answer.status !== 204)
      return { kind: answer.status === 401 || answer.status === 400 ? 'retry' : 'failed', answer }
    if (!isAuthentic) return { kind: 'retry', answer }
    this.#secret = nextSecret(secret)
    if (identity === this.#identity) this.#isIdentityTold = true
    return { kind: 'authentic', body: answer.body }
  }

  /** X = encrypt(our certificate, secret), and the CA's signature over X: two halves of equal length. */
  async #hello(signal?: AbortSignal): Promise<Buffer> {
    const { prefix, caPublicKey, decrypt } = this.#mustBeNode()
    const target = formatTarget('hello', { client_prefix: prefix, protocol: String(PROTOCOL) })
    const body = this.#result(await this.#get(target, {}, signal))
    const [encrypted, signature] = [body.subarray(0, body.length / 2), body.subarray(body.length / 2)]
    if (body.length === 0 || !verifySignature(caPublicKey, encrypted, signature))
      throw new Re6stError(
        'REGISTRY',
        `${this.#url.href}: its hello is not signed by our CA: is --registry right?`,
      )
    const secret = decrypt(encrypted)
    // What another's certificate was used for decrypts to any length; the first HMAC would show it, too.
    if (secret.length !== SECRET_LENGTH)
      throw new Re6stError(
        'CERTIFICATE',
        `${this.#url.href}: its hello is not for our key: was this certificate replaced?`,
      )
    return secret
  }

  async #get(target: string, headers: Record<string, string>, signal?: AbortSignal): Promise<HttpAnswer> {
    const answer = await httpGet(this.#url, target, {
      headers: { 'User-Agent': USER_AGENT, ...headers },
      timeoutMs: this.#timeoutMs,
      maxBodyLength: MAX_BODY_LENGTH,
      signal: signal ? AbortSignal.any([signal, this.#moved.signal]) : this.#moved.signal,
    })
    this.#contact = { ...this.#contact, lastAnswerMs: this.#now() }
    return answer
  }

  /** Remembers how a call ended: whoever answers need not be a registry. */
  async #noted<T>(call: Promise<T>): Promise<T> {
    try {
      const result = await call
      this.#contact = { ...this.#contact, lastError: undefined }
      return result
    } catch (error) {
      this.#contact = { ...this.#contact, lastError: messageOf(error) }
      throw error
    }
  }

  /** The body of a good answer. @throws Re6stError for any other */
  #result({ status, body, headers }: HttpAnswer): Buffer {
    const { location, 'retry-after': retryAfter } = headers
    switch (status) {
      case 200:
      case 204:
        return body
      case 403:
        throw new Re6stError('REFUSED', `${this.#url.href}: registration of this kind is disabled`)
      case 404:
        throw new Re6stError(
          'NOT_FOUND',
          `${this.#url.href}: it knows no certificate with our prefix: was it revoked, or is --registry wrong?`,
        )
      case 400:
      case 401:
        throw new Re6stError(
          'REGISTRY',
          `${this.#url.href}: it does not accept the request (status ${status})`,
        )
      case 507:
        throw new Re6stError(
          'EXHAUSTED',
          `${this.#url.href}: the network has no prefix left; ask its operator`,
        )
      case 500:
        throw new Re6stError(
          'REGISTRY',
          `${this.#url.href}: it failed (status 500): its operator finds the cause in its log`,
        )
      case 301:
      case 302:
      case 303:
      case 307:
      case 308:
        throw new Re6stError(
          'REGISTRY',
          `${this.#url.href}: moved to ${printable(String(location ?? 'nowhere'))} (status ${status}): give --registry the new URL, without the name of the method`,
        )
      case 429:
      case 503:
        throw new Re6stError(
          'REGISTRY',
          `${this.#url.href}: too busy, or asked too often (status ${status}): try again in ${/^\d{1,6}$/.test(String(retryAfter)) ? `${String(retryAfter)} s` : 'a minute'}`,
        )
      case 502:
      case 504:
        throw new Re6stError(
          'REGISTRY',
          `${this.#url.href}: cannot be reached through its proxy now (status ${status}): try again in a minute`,
        )
      default:
        throw this.#notARegistry(`status ${status}`)
    }
  }

  #notARegistry(why: string): Re6stError {
    return new Re6stError(
      'REGISTRY',
      `${this.#url.href}: this is not a re6st registry (${why}): is --registry right?`,
    )
  }

  #mustBeNode(): RegistryIdentity {
    if (!this.#identity) throw new Re6stError('CERTIFICATE', 'this call needs a certificate of the network')
    return this.#identity
  }
}

/** A registry's URL. @throws Re6stError `OPTION` */
function registryUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new Re6stError('OPTION', `--registry ${text}: not a URL like http://re6st.example.com/`)
  // What is signed is the target as the registry sees it: slashes that somebody wrote twice would be in it.
  url.pathname = url.pathname.replace(/\/{2,}/g, '/')
  return url
}
