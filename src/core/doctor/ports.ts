import type { Finding } from './finding.ts'

/** A port that the node needs when it starts, and that something else has. */
export interface TakenPort {
  readonly transport: 'TCP' | 'UDP'
  readonly port: number
  /** The option that gives it; undefined: it cannot be chosen. */
  readonly option: string | undefined
  /** Programs that have it, e.g. `nginx (process 42)`; empty: not known. */
  readonly holders: readonly string[]
}

/** Judges the ports of a node that does not run. */
export const judgePorts = (taken: readonly TakenPort[]): Finding[] =>
  taken.map(({ transport, port, option, holders }) => {
    const holder = holders.length === 0 ? 'another program' : holders.join(' and ')
    return {
      code: 'port-taken',
      what: `${transport} port ${port}, which the node needs${option === undefined ? '' : ` (${option})`}, is taken by ${holder}: the node cannot start`,
      remedy:
        option === undefined
          ? 'stop that program (a re6stnet that was started by hand?): nodes talk to each other by this port, so there can be no other'
          : `stop that program (ss -lntup shows it), or choose another port with --pp; ports are forwarded and opened in firewalls by number, too (re6st firewall)`,
    }
  })

/** Who has a port, as `ss -Hlntup` tells: the same program in several processes once. */
export function holdersOf(
  listing: string,
  { transport, port }: Pick<TakenPort, 'transport' | 'port'>,
): string[] {
  const lines = listing.split('\n').map((line) => line.trim().split(/\s+/))
  const ofPort = lines.filter(
    ([netid, , , , local = '']) => netid === transport.toLowerCase() && local.endsWith(`:${port}`),
  )
  const holders = ofPort.flatMap((columns) =>
    [...columns.join(' ').matchAll(/\("([^"]*)",pid=(\d+)/g)].map(([, name, pid]) => ({ name, pid })),
  )
  return [...new Map(holders.map((holder) => [holder.name, holder])).values()].map(
    ({ name, pid }) => `${name} (process ${pid})`,
  )
}
