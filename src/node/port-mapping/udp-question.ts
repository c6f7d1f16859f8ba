import { createSocket } from 'node:dgram'
import type { Clock } from '../../platform/clock.ts'
import type { Gateway } from './gateway.ts'

/** When a request is sent, again and again: both RFCs begin with 250 ms, doubled each time. A gateway is near. */
const SEND_AT_MS = [0, 250, 750, 1750]
/** Then it does not speak this protocol. */
const GIVE_UP_MS = 3750

/** Where a question goes. */
export interface UdpQuestion<Answer> {
  readonly gateway: Gateway
  readonly port: number
  readonly request: Uint8Array
  /** Reads a datagram from the gateway; undefined: not the answer, it may still come. */
  readonly read: (datagram: Uint8Array) => Answer | undefined
  readonly clock: Clock
}

/**
 * Asks the gateway, and gives its first answer; undefined when none comes.
 * @throws the signal's reason when that is aborted
 */
export async function askByUdp<Answer>(
  { gateway, port, request, read, clock }: UdpQuestion<Answer>,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  signal.throwIfAborted()
  const socket = createSocket('udp4')
  const timers: Disposable[] = []
  let abort = () => {}
  try {
    return await new Promise<Answer | undefined>((resolve, reject) => {
      abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      // Also what the network says against it: nobody listens there, or there is no way.
      socket.on('error', () => resolve(undefined))
      socket.on('message', (datagram) => {
        const answer = read(datagram)
        if (answer !== undefined) resolve(answer)
      })
      socket.bind(0, gateway.localAddress, () =>
        // Connected: the kernel passes on only what the gateway itself sends from that port.
        socket.connect(port, gateway.address, () => {
          for (const atMs of SEND_AT_MS) timers.push(clock.after(atMs, () => socket.send(request, () => {})))
        }),
      )
      timers.push(clock.after(GIVE_UP_MS, () => resolve(undefined)))
    })
  } finally {
    signal.removeEventListener('abort', abort)
    for (const timer of timers) timer[Symbol.dispose]()
    socket.close()
  }
}
