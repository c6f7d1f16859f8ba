// Sends hostile datagrams from the namespace where it is started, as the order in its only argument says. Prints a line
// for each kind when all of it was sent.
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { encodeHello0 } from '../../src/core/session/datagram.ts'
import { NODE_PORT } from '../../src/core/session/message-codes.ts'

/** What to send. */
export interface HostileOrder {
  /** First address of the victim's subnet. */
  readonly to: string
  /** Addresses of this machine to send from, by turns. */
  readonly from: readonly string[]
  /** The certificate that is sent, in PEM. */
  readonly certificateFile: string
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

/** Random bytes; forged certificates; damaged real datagrams; the longest that there are. */
export type HostileKind = 'random' | 'hello0' | 'damaged' | 'large'

/** Datagrams between two looks at the clock. */
const BATCH = 20

function hello0With(certificateFile: string): Buffer {
  const certificate = readNodeCertificate(readFileSync(certificateFile, 'utf8'))
  if (!certificate.ok) throw new Error(certificate.reason)
  return encodeHello0(certificate.value.der)
}

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
      const damaged = Buffer.from(hello0.subarray(0, hello0.length - (number % 40)))
      damaged[number % damaged.length] = number & 0xff
      return damaged
    }
    case 'large':
      return Buffer.concat([hello0, Buffer.alloc(65_000 - hello0.length)])
  }
}

async function socketAt(address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true })
  socket.on('error', () => {})
  socket.bind({ address, port: 0 })
  await once(socket, 'listening')
  return socket
}

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
