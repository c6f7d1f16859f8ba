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
  const { lostMs } = clock
  try {
    // One of which the kernel knows nothing, or no more, it looks for as if it had a packet for it.
    const how = (await look())?.hasLinkLayerAddress ? ['nud', 'probe'] : ['use']
    await processes.run('ip', ['-6', 'neigh', 'replace', address, 'dev', iface, ...how])
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
