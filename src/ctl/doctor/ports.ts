import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { holdersOf, type TakenPort } from '../../core/doctor/ports.ts'
import { codeOf } from '../../core/errors.ts'
import { isDatagram } from '../../core/openvpn/arguments.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { NODE_PORT } from '../../core/session/message-codes.ts'
import { isIpv6Protocol } from '../../core/values/address-list.ts'
import { systemProcesses } from '../../platform/processes.ts'

interface Wanted extends Omit<TakenPort, 'holders'> {
  readonly isIpv6: boolean
}

/** Tries the ports that a node needs, as it does when it starts. Not beside a running node: it has them. */
export async function takenPorts({ listeners }: Pick<NodeOptions, 'listeners'>): Promise<TakenPort[]> {
  const wanted: Wanted[] = [
    ...listeners.map(({ port, protocol }) => ({
      transport: isDatagram(protocol) ? ('UDP' as const) : ('TCP' as const),
      port,
      option: `--pp ${port} ${protocol}`,
      isIpv6: isIpv6Protocol(protocol),
    })),
    { transport: 'UDP', port: NODE_PORT, option: undefined, isIpv6: true },
  ]
  const tried = await Promise.all(wanted.map(isTaken))
  const taken = wanted.filter((_, at) => tried[at])
  if (taken.length === 0) return []
  const listing = await systemProcesses.run('ss', ['-Hlntup']).then(
    ({ stdout }) => stdout,
    () => '',
  )
  return taken.map(({ isIpv6: _, ...port }) => ({ ...port, holders: holdersOf(listing, port) }))
}

/** Whatever else is wrong with it is no other program's doing. */
const isTaken = ({ transport, port, isIpv6 }: Wanted): Promise<boolean> =>
  new Promise((resolve) => {
    const judge = (error: unknown) => resolve(codeOf(error) === 'EADDRINUSE')
    const address = isIpv6 ? '::' : '0.0.0.0'
    if (transport === 'UDP') {
      const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6 })
      socket.once('error', judge)
      socket.bind(port, address, () => socket.close(() => resolve(false)))
    } else {
      const server = createServer()
      server.once('error', judge)
      server.listen({ port, host: address, ipv6Only: isIpv6 }, () => server.close(() => resolve(false)))
    }
  })
