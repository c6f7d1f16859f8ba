import { connect, type Socket } from 'node:net'
import { systemClock } from '../src/platform/clock.ts'
import { helloRequest } from './precomputed-client.ts'

/** How strangers flood a registry. */
export type RegistryFlood = 'pipelined' | 'connections' | 'slow' | 'half-open' | 'sources'

const [flood = '', host = '', port = '', prefix = ''] = process.argv.slice(2)
const SOURCE = '127.0.0.2'
const PIPELINED = 1_500
const CONNECTIONS = 200
const HALF_OPEN = 2_000
const SOURCES = 1_000
const RECONNECT_MS = 20
const SLOW_MS = 200
const hello = helloRequest(prefix)

/** Connects, again and again. */
function keepConnected(localAddress: string, begin: (socket: Socket) => void): void {
  const socket = connect({ host, port: Number(port), localAddress })
  socket.on('connect', () => begin(socket))
  socket.on('error', () => {})
  socket.on('close', () => setTimeout(() => keepConnected(localAddress, begin), RECONNECT_MS))
}

/** Asks, and asks again when anything comes. */
const askAgain = (socket: Socket): void => {
  socket.write(hello)
  socket.on('data', () => socket.write(hello))
}

const FLOODS: Readonly<Record<string, () => void>> = {
  pipelined: () => keepConnected(SOURCE, (socket) => socket.resume().write(hello.repeat(PIPELINED))),
  connections: () => {
    for (let count = 0; count < CONNECTIONS; count++) keepConnected(SOURCE, askAgain)
  },
  slow: () => {
    for (let count = 0; count < CONNECTIONS; count++)
      keepConnected(SOURCE, (socket) => {
        let at = 0
        const timer = systemClock.every(SLOW_MS, () => socket.write(hello[at++ % hello.length] ?? ''))
        socket.resume().once('close', () => timer[Symbol.dispose]())
      })
  },
  'half-open': () => {
    for (let count = 0; count < HALF_OPEN; count++) keepConnected(SOURCE, (socket) => socket.resume())
  },
  sources: () => {
    for (let count = 0; count < SOURCES; count++)
      keepConnected(`127.1.${count >> 8}.${count & 0xff}`, askAgain)
  },
}
FLOODS[flood]?.()
process.stdout.write('begun\n')
