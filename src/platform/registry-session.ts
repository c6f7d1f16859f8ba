import type { KeyObject } from 'node:crypto'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import { type Decryptor, verifySignature } from '../core/crypto/rsa.ts'
import { SECRET_LENGTH } from '../core/crypto/secret.ts'
import { Re6stError } from '../core/errors.ts'
import { AUTHORITY_HEADER, HMAC_HEADER, type MethodName } from '../core/rpc/methods.ts'
import { formatTarget } from '../core/rpc/request-target.ts'
import { isAnswerAuthentic, nextSecret, requestHmac } from '../core/rpc/session.ts'
import type { Prefix } from '../core/values/prefix.ts'
import type { HttpAnswer } from './http-get.ts'
import { bodyOf } from './registry-answers.ts'

/** Who calls: needed for the methods of a node. */
export interface RegistryIdentity {
  readonly prefix: Prefix
  readonly caPublicKey: KeyObject
  readonly decrypt: Decryptor
  /** Which certificate of the CA we have: SHA-256 in hexadecimal; undefined: the registry is not told. */
  readonly caFingerprint?: string
}

/** Sends a request to the registry. */
export type Get = (
  target: string,
  headers: Readonly<Record<string, string>>,
  signal?: AbortSignal,
) => Promise<HttpAnswer>

type Outcome =
  | { readonly kind: 'authentic'; readonly body: Buffer }
  | { readonly kind: 'retry' | 'later' | 'failed'; readonly answer: HttpAnswer }

/** The session of a node with its registry (protocol, section 4): each call uses the secret that the one before left. */
export class RegistrySession {
  readonly #url: URL
  readonly #get: Get
  readonly #identity: RegistryIdentity
  #secret: Buffer | undefined
  #isTold = false

  constructor(url: URL, get: Get, identity: RegistryIdentity) {
    this.#url = url
    this.#get = get
    this.#identity = identity
  }

  /** Whether the registry has heard from us: also which certificate of the CA we have. */
  get isTold(): boolean {
    return this.#isTold
  }

  /** Reads what is encrypted for us. */
  decrypt(encrypted: Buffer): Buffer {
    return this.#identity.decrypt(encrypted)
  }

  /**
   * Calls a method of a node, when the call before has ended.
   * @returns what was answered, by our registry and nobody else
   */
  async call(method: MethodName, parameters: Record<string, string>, signal?: AbortSignal): Promise<Buffer> {
    const target = formatTarget(method, { cn: this.#identity.prefix, ...parameters })
    const hadSession = this.#secret !== undefined
    const first = await this.#call(target, signal)
    if (first.kind === 'authentic') return first.body
    if (first.kind === 'later') return bodyOf(this.#url, first.answer)
    // Our session may be gone: the registry was started again, or another used our name. Say hello, once more.
    const second = hadSession || first.kind === 'retry' ? await this.#call(target, signal) : first
    if (second.kind === 'authentic') return second.body
    if (second.answer.status !== 200 && second.answer.status !== 204) return bodyOf(this.#url, second.answer)
    throw new Re6stError(
      'REGISTRY',
      `${this.#url.href}: the answer is not from our registry (its HMAC is wrong)`,
    )
  }

  async #call(target: string, signal?: AbortSignal): Promise<Outcome> {
    const secret = this.#secret ?? (await this.#hello(signal))
    // Whatever happens now, this secret is used; only an authentic answer gives the next one.
    this.#secret = undefined
    const { caFingerprint } = this.#identity
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
    this.#isTold = true
    return { kind: 'authentic', body: answer.body }
  }

  /** X = encrypt(our certificate, secret), and the CA's signature over X: two halves of equal length. */
  async #hello(signal?: AbortSignal): Promise<Buffer> {
    const { prefix, caPublicKey, decrypt } = this.#identity
    const target = formatTarget('hello', { client_prefix: prefix, protocol: String(PROTOCOL) })
    const body = bodyOf(this.#url, await this.#get(target, {}, signal))
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
        `${this.#url.href}: its hello is not for our key: another machine has our prefix since ours was revoked, or ended too long ago: get a new certificate with re6st-conf`,
      )
    return secret
  }
}
