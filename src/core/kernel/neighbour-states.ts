import { ok, type Result } from '../result.ts'
import { listPrintedByIp } from './ip-json.ts'

/** What the kernel knows of a neighbour on a link (RFC 4861, 7.3.2). */
export interface NeighbourState {
  readonly address: string
  readonly hasLinkLayerAddress: boolean
  /** It has answered; it did not, whatever the kernel tried; it is being asked, or was not lately. */
  readonly state: 'reachable' | 'failed' | 'unknown'
}

/** Reads what `ip -j neigh show` prints. */
export function readNeighbourStates(printed: string): Result<readonly NeighbourState[]> {
  const entries = listPrintedByIp(printed)
  if (!entries.ok) return entries
  return ok(
    entries.value.flatMap(({ dst, lladdr, state }): NeighbourState[] => {
      if (typeof dst !== 'string') return []
      const names: readonly unknown[] = Array.isArray(state) ? state : []
      return [
        {
          address: dst,
          hasLinkLayerAddress: typeof lladdr === 'string',
          state: names.includes('REACHABLE') ? 'reachable' : names.includes('FAILED') ? 'failed' : 'unknown',
        },
      ]
    }),
  )
}
