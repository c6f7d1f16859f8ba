// Sends hostile datagrams from the namespace where it is started, as the order in its only argument says. Prints a line
// for each kind when all of it was sent.
import { createPrivateKey, randomBytes, randomInt } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { PROTOCOL } from '../../src/core/config/protocol-number.ts'
import { readAuthority, readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import type { Result } from '../../src/core/result.ts'
import { decodeDatagram, encodeFingerprintHello0, encodeHello0 } from '../../src/core/session/datagram.ts'
import { NODE_PORT } from '../../src/core/session/message-codes.ts'
import { encodeMessageBody } from '../../src/core/session/messages.ts'
import { Sessions } from '../../src/core/session/sessions.ts'

/** What to send. */
export interface HostileOrder {
  /** First address of the victim's subnet. */
  readonly to: string
  /** Addresses of this machine to send from, by turns. */
  readonly from: readonly string[]
  /** The certificate that is sent, in PEM. */
  readonly certificateFile: string
  /** With these (PEM), it first makes a session and asks something: more real datagrams to damage and to repeat. */
  readonly conversation?: {
    /** An address of this machine, and a port where what comes for its port 326 arrives: the real node holds that one. */
    readonly at: { readonly address: string; readonly port: number }
    readonly caFile: string
    readonly keyFile: string
    readonly victimCertificateFile: string
  }
  readonly perSecond: number
  /** One after the other. */
  readonly rounds: readonly HostileRound[]
}

/** So many datagrams of a kind; or the certificate that a file has, as whoever has it would send it, from one address. */
export type HostileRound =
  | { readonly kind: HostileKind; readonly count: number }
  | {
      readonly kind: 'certificate'
      readonly count: number
      readonly certificateFile: string
      readonly from: string
    }

/** Random bytes; forged certificates; real datagrams, damaged or once more; the longest that there are. */
export type HostileKind = 'random' | 'hello0' | 'damaged' | 'replay' | 'large'

/** Datagrams between two looks at the clock. */
const BATCH = 20
const CONVERSATION_DEADLINE_MS = 30_000

const read = <T>(reader: (pem: string) => Result<T>, file: string): T => {
  const result = reader(readFileSync(file, 'utf8'))
  if (!result.ok) throw new Error(result.reason)
  return result.value
}
const hello0With = (certificateFile: string): Buffer =>
  encodeHello0(read(readNodeCertificate, certificateFile).der)

const order = JSON.parse(process.argv[2] ?? '') as HostileOrder
const hello0 = hello0With(order.certificateFile)
/** The same but for its signature: somebody has to verify it to know. */
const forged = Buffer.from(hello0)
forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1

function next(kind: HostileKind, number: number): Buffer {
  switch (kind) {
    case 'random':
      return randomBytes(1 + (number % 900))
    case 'hello0':
      return forged
    case 'damaged': {
      const real = realOne(number)
      // Half of them cut off, all with a byte changed.
      const cut = Math.max(0, (Math.floor(number / realOnes.length) % 80) - 40)
      const damaged = Buffer.from(real.subarray(0, Math.max(1, real.length - cut)))
      const at = randomInt(damaged.length)
      damaged[at] = (damaged[at] ?? 0) ^ (1 + (number % 255))
      return damaged
    }
    case 'replay':
      return realOne(number)
    case 'large':
      return Buffer.concat([hello0, Buffer.alloc(65_000 - hello0.length)])
  }
}

async function socketAt(address: string, port = 0): Promise<Socket> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true })
  socket.on('error', () => {})
  socket.bind({ address, port })
  await once(socket, 'listening')
  return socket
}

/** Makes a session with the victim, asks it something, and returns all that this took: some of each kind of datagram. */
async function converse(files: NonNullable<HostileOrder['conversation']>): Promise<readonly Buffer[]> {
  const socket = await socketAt(files.at.address, files.at.port)
  const sent: Buffer[] = []
  const authority = read(readAuthority, files.caFile)
  const certificate = read(readNodeCertificate, order.certificateFile)
  const victim = read(readNodeCertificate, files.victimCertificateFile)
  const answered = new EventEmitter()
  const answer = once(answered, 'answer', { signal: AbortSignal.timeout(CONVERSATION_DEADLINE_MS) })
  const sessions = new Sessions(
    { authority, certificate, privateKey: createPrivateKey(readFileSync(files.keyFile, 'utf8')) },
    {
      send(datagram, { address, port = NODE_PORT }) {
        sent.push(Buffer.from(datagram))
        socket.send(datagram, port, address)
      },
      answer() {
        answered.emit('answer')
        return new Uint8Array()
      },
      greeting: () => new Uint8Array(),
      acknowledged() {},
      ignored: (reason) => console.error(`ignored: ${reason}`),
    },
    randomBytes,
    performance.now(),
    () => Date.now(),
  )
  socket.on('message', (datagram, source) => sessions.receive(datagram, source, performance.now()))
  const ticking = setInterval(() => sessions.tick(performance.now()), 1_000)
  const question = encodeMessageBody({ kind: 'node-information', information: '' })
  sessions.send(victim.prefix, question, performance.now())
  // What the victim would answer, unless it did so a moment ago; and what it would begin with, so that we sign a hello.
  for (const hello0 of [
    encodeHello0(victim.der),
    encodeFingerprintHello0(PROTOCOL, certificate.fingerprintSha1, victim.der),
  ])
    sessions.receive(hello0, { address: order.to }, performance.now())
  await answer
  clearInterval(ticking)
  socket.close()
  return sent
}

const realOnes = order.conversation ? await converse(order.conversation) : [hello0]
const realOne = (number: number): Buffer => realOnes[number % realOnes.length] ?? hello0
const kindOf = (datagram: Buffer): string => {
  const decoded = decodeDatagram(datagram)
  return decoded.ok ? decoded.value.kind : decoded.reason
}
console.log(`conversed: ${[...new Set(realOnes.map(kindOf))].sort().join(' ')}`)
const sockets = await Promise.all(order.from.map(socketAt))
for (const round of order.rounds) {
  const { kind, count } = round
  if (round.kind === 'certificate') {
    const socket = await socketAt(round.from)
    const hello = hello0With(round.certificateFile)
    for (let sent = 0; sent < count; sent++)
      await new Promise((done) => socket.send(hello, NODE_PORT, order.to, done))
    socket.close()
    continue
  }
  const startMs = performance.now()
  let sent = 0
  while (sent < count) {
    for (let batch = 0; batch < BATCH && sent < count; batch++, sent++)
      sockets[sent % sockets.length]?.send(next(round.kind, sent), NODE_PORT, order.to)
    const aheadMs = (sent / order.perSecond) * 1_000 - (performance.now() - startMs)
    await (aheadMs > 1 ? sleep(aheadMs) : new Promise((resolve) => setImmediate(resolve)))
  }
  console.log(`${kind} ${sent} in ${Math.round(performance.now() - startMs)} ms`)
}
for (const socket of sockets) socket.close()
