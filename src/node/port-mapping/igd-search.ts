import { createSocket } from 'node:dgram'
import {
  formatSearch,
  readSearchAnswer,
  SEARCH_TARGETS,
  SSDP_GROUP,
  SSDP_PORT,
} from '../../core/port-mapping/ssdp.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Gateway } from './gateway.ts'

/** UDP gets lost: a search is sent more than once. */
const SEND_AT_MS = [0, 300, 1000]
/** Devices may take the second that we allow, and slow ones another. */
const GIVE_UP_MS = 3000
/** The standard's default; a gateway is on our own network. */
const MULTICAST_TTL = 2

/**
 * Where the gateway's description is; undefined when it does not answer. It is searched for by multicast on its own
 * network only, and at its own address, for networks that lose multicast.
 * @throws the signal's reason when that is aborted
 */
export async function searchIgd(
  gateway: Gateway,
  clock: Clock,
  signal: AbortSignal,
  port = SSDP_PORT,
): Promise<URL | undefined> {
  signal.throwIfAborted()
  const socket = createSocket('udp4')
  const timers: Disposable[] = []
  let abort = () => {}
  /** Something at the gateway's address that does not say what it is. */
  let device: URL | undefined
  const send = () => {
    for (const target of SEARCH_TARGETS)
      for (const host of [SSDP_GROUP, gateway.address])
        socket.send(formatSearch(target, host), port, host, () => {})
  }
  try {
    return await new Promise<URL | undefined>((resolve, reject) => {
      abort = () => reject(signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      socket.on('error', () => resolve(undefined))
      socket.on('message', (datagram, { address }) => {
        // Others on the LAN may answer, too, or pretend: ports are forwarded by our gateway or not at all.
        if (address !== gateway.address) return
        const answer = readSearchAnswer(datagram, address)
        if (!answer.ok) return
        if (answer.value.isGateway) resolve(answer.value.location)
        else device ??= answer.value.location
      })
      socket.bind(0, gateway.localAddress, () => {
        socket.setMulticastInterface(gateway.localAddress)
        socket.setMulticastTTL(MULTICAST_TTL)
        for (const atMs of SEND_AT_MS) timers.push(clock.after(atMs, send))
      })
      timers.push(clock.after(GIVE_UP_MS, () => resolve(device)))
    })
  } finally {
    signal.removeEventListener('abort', abort)
    for (const timer of timers) timer[Symbol.dispose]()
    socket.close()
  }
}
