import { ok, type Result, refuse } from '../result.ts'

/** What the kernel knows of a neighbour on a link (RFC 4861, 7.3.2). */
export interface NeighbourState {
  readonly address: string
  readonly hasLinkLayerAddress: boolean
  /** It has answered; it did not, whatever the kernel tried; it is being asked, or was not lately. */
  readonly state: 'reachable' | 'failed' | 'unknown'
}

/** Reads what `ip -j neigh show` prints. */
export function readNeighbourStates(printed: string): Result<readonly NeighbourState[]> {
  let entries: unknown
  try {
    entries = printed.trim() === '' ? [] : JSON.parse(printed)
  } catch {
    return refuse('ip did not print JSON')
  }
  if (!Array.isArray(entries)) return refuse('ip did not print a list of neighbours')
  return ok(
    entries.flatMap((entry: unknown): NeighbourState[] => {
      if (typeof entry !== 'object' || entry === null) return []
      const { dst, lladdr, state } = entry as Record<string, unknown>
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
