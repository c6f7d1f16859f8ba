import type { KeyObject } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { type Decryptor, verifySignature } from '../src/core/crypto/rsa.ts'
import { HMAC_HEADER } from '../src/core/rpc/methods.ts'
import { nextSecret, requestHmac } from '../src/core/rpc/session.ts'

/*
 * A client that costs next to nothing: bytes that were made before are written to a socket that stays open, and of an
 * answer only its length is read. So what is measured is the registry.
 */

/** The registry has too much to do at this moment. */
export class Busy extends Error {}

/** A connection on which one request is answered after another. */
export class PrecomputedClient implements Disposable {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #answered: (body: Buffer) => void = () => {}
  #failed: (error: Error) => void = () => {}

  /** @param source address of ours that it comes from; any when it is not said */
  constructor(port: number, host: string, source?: string) {
    this.#socket = connect({
      port,
      host,
      noDelay: true,
      ...(source === undefined ? {} : { localAddress: source }),
    })
    this.#socket.on('data', (chunk) => this.#receive(chunk))
    this.#socket.on('error', (error) => this.#failed(error))
    this.#socket.on('close', () => this.#failed(new Error('the registry closed the connection')))
  }

  /** The body of the answer. @throws Busy for 503, Error for any other but a good one */
  ask(request: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the registry has closed the connection'))
      this.#answered = resolve
      this.#failed = reject
      this.#socket.write(request)
    })
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#received.toString('latin1', 0, end)
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#received.length < end + 4 + length) return
    const body = this.#received.subarray(end + 4, end + 4 + length)
    this.#received = Buffer.alloc(0)
    if (/^HTTP\/1\.1 20[04] /.test(head)) this.#answered(body)
    else {
      const line = head.slice(0, head.indexOf('\r\n'))
      this.#failed(/^HTTP\/1\.1 503 /.test(line) ? new Busy(line) : new Error(line))
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

/** Who can hold a session. */
export interface SessionOwner {
  readonly prefix: string
  readonly decrypt: Decryptor
  readonly caPublicKey: KeyObject
}

/** Says hello in a node's name. */
export const helloRequest = (prefix: string): string =>
  requestFor(`/hello?client_prefix=${prefix}&protocol=10`)

/** A request without anything that it need not have. */
export const requestFor = (target: string, headers = ''): string => `GET ${target} HTTP/1.1\r\n${headers}\r\n`

/** Calls of one node in a session: each with the secret that the one before leaves. */
export async function precomputedCalls(
  client: PrecomputedClient,
  { prefix, decrypt, caPublicKey }: SessionOwner,
  method: string,
  count: number,
): Promise<string[]> {
  const answer = await client.ask(helloRequest(prefix))
  const [encrypted, signature] = [answer.subarray(0, answer.length / 2), answer.subarray(answer.length / 2)]
  if (!verifySignature(caPublicKey, encrypted, signature))
    throw new Error('hello was not answered by the registry')
  const target = `/${method}?cn=${prefix}`
  const calls: string[] = []
  for (let secret = decrypt(encrypted); calls.length < count; secret = nextSecret(secret))
    calls.push(requestFor(target, `${HMAC_HEADER}: ${requestHmac(secret, target).toString('base64')}\r\n`))
  return calls
}
