import { createHash } from 'node:crypto'
import { createServer as createListener, type Server } from 'node:net'
import { connect, createServer, type TLSSocket } from 'node:tls'
import type { PeerState } from '../../core/standby/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import { plainAddress, sourceOf } from '../server/caller.ts'
import { Connections } from '../server/connections.ts'
import { Handshakes } from '../server/handshakes.ts'
import { LIMITS } from '../server/limits.ts'
import { ReadingTurns } from '../server/reading-turns.ts'
import { PeerStream } from './peer-stream.ts'

/** The other registry of a pair. */
export interface Peer {
  readonly host: string
  readonly port: number
  /** Known to both, and to nobody else. */
  readonly secret: string
}

/**
 * Both have the same secret: TLS with it (PSK, RFC 4279, with ephemeral keys, RFC 5489) proves each to the other and encrypts, without
 * certificates that end. Node has it for TLS 1.2.
 */
const TLS = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305:ECDHE-PSK-AES256-CBC-SHA384',
} as const
const IDENTITY = 're6st-registry'
const CONNECT_TIMEOUT_MS = 3_000
/**
 * The other one has one or two; whoever has no secret gets no further than the handshake, and makes room for who comes after:
 * where the standby is kept away, the registry gives nothing.
 */
const CONNECTIONS = { maxConnections: 256, maxConnectionsPerSource: 8 }

const keyOf = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** Where the other registry of a pair is answered. It is not listening yet. */
export function peerServer(
  secret: string,
  clock: Pick<Clock, 'after' | 'monotonicMs'>,
  onStream: (stream: PeerStream) => void,
): Server & Disposable {
  const psk = keyOf(secret)
  const open = new Set<TLSSocket>()
  let isClosed = false
  const connections = new Connections(CONNECTIONS)
  const handshakes = new Handshakes({
    server: createServer({
      ...TLS,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      pskCallback: (_socket, identity) => (identity === IDENTITY ? psk : null),
    }),
    clock,
    timeoutMs: CONNECT_TIMEOUT_MS,
    turns: new ReadingTurns({ clock, isStranger: () => true }, LIMITS.handshakes),
  })
  const listener = createListener((socket) => {
    const source = sourceOf(plainAddress(socket.remoteAddress ?? ''))
    if (!connections.add(socket, source)) return void socket.destroy()
    handshakes.secure(socket, source, (secured) => {
      // Its handshake began before: nobody is here any more to answer it.
      if (isClosed) return void secured.destroy()
      connections.isBusy(socket)
      open.add(secured)
      secured.once('close', () => open.delete(secured))
      secured.setNoDelay(true)
      onStream(new PeerStream(secured, clock))
    })
  })
  return Object.assign(listener, {
    [Symbol.dispose]: () => {
      isClosed = true
      handshakes[Symbol.dispose]()
      for (const socket of open) socket.destroy()
      listener.close()
    },
  })
}

/** Connects to the other registry of a pair. @throws why it cannot be reached */
export function connectToPeer(
  { host, port, secret }: Peer,
  clock: Pick<Clock, 'after'>,
): Promise<PeerStream> {
  const psk = keyOf(secret)
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...TLS,
      host,
      port,
      pskCallback: () => ({ psk, identity: IDENTITY }),
      // There are no certificates.
      checkServerIdentity: () => undefined,
    })
    const timer = clock.after(CONNECT_TIMEOUT_MS, () =>
      socket.destroy(new Error(`no answer in ${CONNECT_TIMEOUT_MS / 1000} s`)),
    )
    socket.once('error', (error) => {
      timer[Symbol.dispose]()
      reject(isWrongSecret(error) ? new Error('it has another --peer-secret', { cause: error }) : error)
    })
    socket.once('secureConnect', () => {
      timer[Symbol.dispose]()
      socket.removeAllListeners('error')
      socket.setNoDelay(true)
      resolve(new PeerStream(socket, clock))
    })
  })
}

/** What TLS says to that (RFC 4279, 2; RFC 5246, 7.2.2). */
const isWrongSecret = (error: Error): boolean =>
  /decrypt.error|bad.record.mac|unknown.psk|bad_record|decryption.failed/i.test(error.message)

/** Which role the other registry has; undefined: it is not reached. */
export async function askPeer(peer: Peer, clock: Pick<Clock, 'after'>): Promise<PeerState | undefined> {
  try {
    using stream = await connectToPeer(peer, clock)
    stream.say({ kind: 'ask' })
    const answer = await stream.next()
    return answer?.kind === 'state' ? answer.state : undefined
  } catch {
    return undefined
  }
}
