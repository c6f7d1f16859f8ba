import { PROTOCOL } from '../core/config/protocol-number.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import type { MethodName } from '../core/rpc/methods.ts'
import { formatTarget } from '../core/rpc/request-target.ts'
import { type PeerAddress, parseAddressList } from '../core/values/address-list.ts'
import { isBits } from '../core/values/bits.ts'
import { type Prefix, prefixOfBits } from '../core/values/prefix.ts'
import { type HttpAnswer, httpGet } from './http-get.ts'
import { bodyOf, notARegistry } from './registry-answers.ts'
import { type Get, type RegistryIdentity, RegistrySession } from './registry-session.ts'
import { Turns } from './turns.ts'
import { VERSION } from './version.ts'

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

/** The registry takes up to 3 s to ask the network; a slow line takes longer for the rest of an answer. */
const TIMEOUT_MS = 60_000
/** Until it begins to answer, also a busy one. */
const BEGIN_TIMEOUT_MS = 30_000
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
  #session: RegistrySession | undefined
  #contact: RegistryContact = { lastAnswerMs: undefined, lastError: undefined }
  readonly #now: () => number
  /** Calls of a node are made one after another: each secret is used once. */
  readonly #turns = new Turns()
  #moved = new AbortController()

  /** @throws Re6stError `OPTION` for a URL that is not http or https */
  constructor(url: string, identity?: RegistryIdentity, timeoutMs = TIMEOUT_MS, now = Date.now) {
    this.#now = now
    this.#url = registryUrl(url)
    if (identity) this.setIdentity(identity)
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
    const get: Get = (target, headers, signal) => this.#get(target, headers, signal)
    this.#session = new RegistrySession(this.#url, get, identity)
  }

  /** Whether the registry has heard from us as we are now: also which certificate of the CA we have. */
  get isIdentityTold(): boolean {
    return this.#session?.isTold ?? false
  }

  /** The CA's certificate in PEM. */
  getCa(signal?: AbortSignal): Promise<string> {
    return this.#noted(this.#askCa(signal))
  }

  async #askCa(signal?: AbortSignal): Promise<string> {
    const answer = await this.#get(formatTarget('getCa', {}), {}, signal)
    // Every registry has a CA: what does not know it is a web server of another kind.
    if (answer.status >= 400 && answer.status < 500) throw notARegistry(this.#url, `status ${answer.status}`)
    const pem = bodyOf(this.#url, answer).toString('utf8')
    if (!pem.includes('-----BEGIN CERTIFICATE-----'))
      throw notARegistry(this.#url, 'it sent no CA certificate')
    return pem
  }

  /** Has a token mailed. */
  async requestToken(email: string, signal?: AbortSignal): Promise<void> {
    const answer = await this.#noted(this.#get(formatTarget('requestToken', { email }), {}, signal))
    const body = bodyOf(this.#url, answer)
    // The page of a hotel's network is no token on its way.
    if (answer.status !== 204)
      throw notARegistry(this.#url, `an answer of ${body.length} bytes where none is expected`)
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
    if (prefix === '' || !isBits(prefix)) throw notARegistry(this.#url, 'it sent no usable bootstrap peer')
    return { prefix: prefixOfBits(prefix), addresses: parseAddressList(addresses).addresses }
  }

  #public(method: MethodName, parameters: Record<string, string>, signal?: AbortSignal): Promise<Buffer> {
    return this.#noted(
      this.#get(formatTarget(method, parameters), {}, signal).then((answer) => bodyOf(this.#url, answer)),
    )
  }

  #authenticated(
    method: MethodName,
    parameters: Record<string, string>,
    signal?: AbortSignal,
  ): Promise<Buffer> {
    return this.#noted(this.#turns.take(() => this.#mustBeNode().call(method, parameters, signal)))
  }

  async #get(
    target: string,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    const answer = await httpGet(this.#url, target, {
      headers: { 'User-Agent': USER_AGENT, ...headers },
      timeoutMs: this.#timeoutMs,
      beginTimeoutMs: BEGIN_TIMEOUT_MS,
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

  #mustBeNode(): RegistrySession {
    if (!this.#session) throw new Re6stError('CERTIFICATE', 'this call needs a certificate of the network')
    return this.#session
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
