import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { encrypt, makeDecryptor, sign } from '../../src/core/crypto/rsa.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Cryptography } from '../../src/registry/crypto/cryptography.ts'
import { RECORDED_MS } from './sessions.ts'
import { hex, vectors } from './vectors.ts'

const pki = vectors<{ keys: Record<string, string> }>('pki.json')

/** What the registry asked its node, and what came back, in hex. */
interface RecordedQuestion {
  from_registry: string
  answer?: string
  answers?: string[]
}

/** An exchange with a registry: what was random or secret in it is known. */
export interface RecordedExchange {
  name: string
  udp?: RecordedQuestion[]
  decrypted_secret?: string
  decryption_key?: string
  decrypted?: string
}

/** Cryptography that does again what was recorded, wherever the answer depends on chance or on the time. */
export class RecordedCryptography implements Cryptography {
  readonly #caKey: KeyObject = createPrivateKey(pki.keys['ca'] ?? '')
  #exchange: RecordedExchange | undefined
  #body: Buffer = Buffer.alloc(0)

  /** The exchange that comes next, and the body of its answer. */
  expect(exchange: RecordedExchange, body: Buffer): void {
    this.#exchange = exchange
    this.#body = body
  }

  checkRequest(pem: string): string | undefined {
    return pem.includes('CERTIFICATE REQUEST') ? undefined : 'no request'
  }

  /** The recorded certificate, if it is the one that is asked for. */
  async issue(task: Parameters<Cryptography['issue']>[0]): Promise<string> {
    const pem = this.#body.toString('utf8')
    const recorded = readNodeCertificate(pem)
    if (!recorded.ok) throw new Error(recorded.reason)
    const { serial, subjectSerial, subnetName } = recorded.value
    const [is, mustBe] = [
      [task.serial, task.subjectSerial, task.subnetName],
      [Number(serial), subjectSerial, subnetName],
    ].map((values) => values.join(' '))
    if (is !== mustBe) throw new Error(`a certificate with ${is} is asked for, recorded is ${mustBe}`)
    return pem
  }

  async hello(): Promise<{ secret: Buffer; answer: Buffer }> {
    return { secret: hex(this.#exchange?.decrypted_secret ?? ''), answer: this.#body }
  }

  /** The recorded ciphertext, if it is of the same text; other texts are encrypted. */
  async encryptTo(certificatePem: string, data: readonly Uint8Array[]): Promise<Buffer[]> {
    const recorded = this.#exchange?.decrypted
    return data.map((one) => {
      if (recorded !== undefined && Buffer.from(one).toString() === recorded) return this.#body
      return one.length === 0 ? Buffer.alloc(0) : encrypt(createPublicKey(certificatePem), one)
    })
  }

  async sign(data: Uint8Array): Promise<Buffer> {
    return sign(this.#caKey, data)
  }
}

/** The secret in a recorded answer to `hello`, decrypted with the node's key. */
export function secretOf(exchange: RecordedExchange, body: Buffer): Buffer {
  const name = (exchange.decryption_key ?? '').replace(/\.key$/, '')
  return makeDecryptor(createPrivateKey(pki.keys[name] ?? ''))(body.subarray(0, body.length / 2))
}

/** The registry's node: answers what was recorded, and keeps what it is asked. */
export class FakeNode implements AsyncDisposable {
  readonly port: number
  readonly #socket: Socket
  readonly asked: string[] = []
  /** Answers a question, in hex, by datagrams in hex. */
  answer: (question: string) => readonly string[] = () => []

  private constructor(socket: Socket) {
    this.#socket = socket
    this.port = (socket.address() as AddressInfo).port
    socket.on('message', (datagram, { address, port }) => {
      const question = datagram.toString('hex')
      this.asked.push(question)
      for (const answer of this.answer(question)) socket.send(hex(answer), port, address)
    })
  }

  static async start(): Promise<FakeNode> {
    const socket = createSocket({ type: 'udp6', ipv6Only: true })
    socket.bind(0, '::1')
    await once(socket, 'listening')
    return new FakeNode(socket)
  }

  /** Answers as recorded. */
  expect({ udp = [] }: RecordedExchange): void {
    this.answer = (question) => {
      const recorded = udp.find(({ from_registry }) => from_registry === question)
      return recorded?.answers ?? (recorded?.answer === undefined ? [] : [recorded.answer])
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.close(() => resolve())
    })
  }
}

/** The time of the recording; who waits for an answer does not wait long. */
export const recordedClock: Clock = {
  ...systemClock,
  now: () => RECORDED_MS,
  after: (ms, action) => systemClock.after(Math.min(ms, 300), action),
}

/** Recorded with a name as Host: for private methods, ours wants an address or `localhost` there. */
export const withOwnHost = (request: string): string =>
  request.replace(/^Host: (registry\.example\.com|x)\r$/gm, 'Host: localhost\r')

/** Recorded without a list of proxies: whoever may call private methods may be one. */
export const RECORDED_PROXIES: readonly string[] = ['127.0.0.1', '::1']

/** The answer of an HTTP server. */
export interface RawAnswer {
  /** Undefined if the connection was closed without one. */
  readonly status: number | undefined
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Whether the server closed the connection after it. */
  readonly isClosed: boolean
}

/** Sends bytes, and reads the first answer. */
export async function rawExchange(
  port: number,
  request: string | Buffer,
  { source = '127.0.0.1', untilClosed = false }: { source?: string; untilClosed?: boolean } = {},
): Promise<RawAnswer> {
  const socket = connect({ host: '127.0.0.1', port, localAddress: source })
  let received = Buffer.alloc(0)
  const answer = () => readAnswer(received)
  const isClosed = await new Promise<boolean>((resolve) => {
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (!untilClosed && answer().isWhole) resolve(false)
    })
    // A server that has closed already resets what is still sent: what it answered before counts.
    socket.on('error', () => resolve(true))
    socket.on('close', () => resolve(true))
    socket.write(request)
  })
  socket.destroy()
  const { status, headers, body } = answer()
  return { status, headers, body, isClosed }
}

function readAnswer(received: Buffer): Omit<RawAnswer, 'isClosed'> & { readonly isWhole: boolean } {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return { status: undefined, headers: {}, body: received, isWhole: false }
  const [statusLine = '', ...lines] = received.subarray(0, end).toString('latin1').split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  const length = Number(headers['content-length'] ?? 0)
  const body = received.subarray(end + 4, end + 4 + length)
  return { status: Number(statusLine.split(' ')[1]), headers, body, isWhole: body.length === length }
}
