import { isIPv4 } from 'node:net'
import type { Processes } from '../../platform/processes.ts'

/** The way out of this machine's network. */
export interface Gateway {
  readonly address: string
  /** Ours, as the gateway sees it. */
  readonly localAddress: string
}

interface Route {
  readonly gateway?: string
  readonly prefsrc?: string
  readonly metric?: number
  readonly flags?: readonly string[]
}

/**
 * The gateway of the IPv4 default route that the kernel uses now.
 * @throws Re6stError `DAEMON` when `ip` fails
 */
export async function defaultGateway(
  processes: Processes,
  signal: AbortSignal,
): Promise<Gateway | undefined> {
  const routes = async (...words: string[]): Promise<readonly Route[]> => {
    const { stdout } = await processes.run('ip', ['-j', '-4', 'route', ...words], { signal })
    return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Route[])
  }
  const usable = (await routes('show', 'default')).filter(
    ({ gateway = '', flags = [] }) =>
      isIPv4(gateway) && !flags.includes('linkdown') && !flags.includes('dead'),
  )
  const [best] = usable.sort((one, other) => (one.metric ?? 0) - (other.metric ?? 0))
  if (best?.gateway === undefined) return undefined
  const [way] = await routes('get', best.gateway)
  const localAddress = way?.prefsrc ?? best.prefsrc
  return localAddress === undefined ? undefined : { address: best.gateway, localAddress }
}

/** Whether it is the same gateway, and we have the same address there. */
export const isSameGateway = (one: Gateway | undefined, other: Gateway | undefined): boolean =>
  one?.address === other?.address && one?.localAddress === other?.localAddress
