import { isIPv4 } from 'node:net'
import { Re6stError } from '../../core/errors.ts'
import { readDefaultRoutes } from '../../core/kernel/default-routes.ts'
import { listPrintedByIp } from '../../core/kernel/ip-json.ts'
import type { Processes } from '../../platform/processes.ts'

/** The way out of this machine's network. */
export interface Gateway {
  readonly address: string
  /** Ours, as the gateway sees it. */
  readonly localAddress: string
}

/**
 * The gateway of the IPv4 default route that the kernel uses now.
 * @throws Re6stError `DAEMON` when `ip` fails
 */
export async function defaultGateway(
  processes: Processes,
  signal: AbortSignal,
): Promise<Gateway | undefined> {
  const { stdout } = await processes.run('ip', ['-details', '-j', '-4', 'route', 'show', 'default'], {
    signal,
  })
  const routes = readDefaultRoutes(stdout)
  if (!routes.ok) throw new Re6stError('DAEMON', routes.reason)
  // Of several ways that share the packets, the first: peers need one that forwards.
  const usable = routes.value.flatMap(({ hops, metric, source }) =>
    hops.flatMap(({ gateway = '', isDown }) =>
      isIPv4(gateway) && !isDown ? [{ gateway, metric, source }] : [],
    ),
  )
  const [best] = usable.sort((one, other) => one.metric - other.metric)
  if (!best) return undefined
  const ways = listPrintedByIp(
    (await processes.run('ip', ['-j', '-4', 'route', 'get', best.gateway], { signal })).stdout,
  )
  const [way] = ways.ok ? ways.value : []
  const localAddress = typeof way?.['prefsrc'] === 'string' ? way['prefsrc'] : best.source
  return localAddress === undefined ? undefined : { address: best.gateway, localAddress }
}

/** Whether it is the same gateway, and we have the same address there. */
export const isSameGateway = (one: Gateway | undefined, other: Gateway | undefined): boolean =>
  one?.address === other?.address && one?.localAddress === other?.localAddress
