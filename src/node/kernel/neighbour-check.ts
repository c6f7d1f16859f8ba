import { messageOf } from '../../core/errors.ts'
import { type NeighbourState, readNeighbourStates } from '../../core/kernel/neighbour-states.ts'
import type { AwakeClock } from '../../platform/awake-clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'

interface NeighbourCheckInit {
  readonly processes: Processes
  readonly clock: Pick<AwakeClock, 'monotonicMs' | 'sleep' | 'lostMs'>
  readonly log: Logger
}

/** The kernel asks three times, a second apart. */
const PATIENCE_MS = 5_000
const LOOK_MS = 500

/**
 * Whether a neighbour on a link is there: has the kernel ask it now (Neighbour Unreachability Detection, RFC 4861, 7.3),
 * which every IPv6 host answers. True also where that cannot be told: on a machine so loaded that we could not run, those
 * who carry question and answer could not either.
 */
export async function isNeighbourThere(
  { processes, clock, log }: NeighbourCheckInit,
  iface: string,
  address: string,
): Promise<boolean> {
  const look = async (): Promise<NeighbourState | undefined> => {
    const { stdout } = await processes.run('ip', ['-j', '-6', 'neigh', 'show', address, 'dev', iface])
    const states = readNeighbourStates(stdout)
    return states.ok ? states.value.find((entry) => entry.address === address) : undefined
  }
  const ask = (...how: string[]) =>
    processes.run('ip', ['-6', 'neigh', 'replace', address, 'dev', iface, ...how])
  /** As if the kernel had a packet for it: one of which it knows nothing, or no more. */
  const search = () => ask('use')
  const { lostMs } = clock
  try {
    // Others have it asked, too: the kernel may give it up in between, and refuses the question then.
    if ((await look())?.hasLinkLayerAddress) await ask('nud', 'probe').catch(search)
    else await search()
    const endMs = clock.monotonicMs() + PATIENCE_MS
    while (clock.monotonicMs() < endMs) {
      await clock.sleep(LOOK_MS)
      const entry = await look()
      if (entry?.state === 'reachable') return true
      if (entry?.state === 'failed') return clock.lostMs > lostMs
    }
  } catch (error) {
    log.debug({ iface, reason: messageOf(error) }, 'a neighbour cannot be asked')
  }
  return true
}
