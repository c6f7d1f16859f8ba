import { BABEL_PROTOCOL } from '../../../core/kernel/route-table.ts'
import { ipJson } from '../../../platform/ip-json.ts'
import type { Processes } from '../../../platform/processes.ts'

/** A route as `ip -j route` writes it: what is needed to name it again. */
interface KernelRoute {
  readonly type?: string
  readonly dst: string
  readonly from?: string
  readonly dev?: string
  readonly metric?: number
  readonly table?: string
}

/**
 * Removes the routes that a babeld which was killed left in the kernel: those through the interfaces named, and
 * unreachable ones. A new babeld does not know them as its own. (Routes of a tap are gone with it.)
 */
export async function removeStaleRoutes(processes: Processes, ifaces: ReadonlySet<string>): Promise<void> {
  for (const family of ['-4', '-6']) {
    const shown = [family, 'route', 'show', 'table', 'all', 'proto', String(BABEL_PROTOCOL)]
    const routes = await ipJson<KernelRoute>(processes, ...shown)
    const stale = routes.filter(
      ({ dev, type }) => type === 'unreachable' || (dev !== undefined && ifaces.has(dev)),
    )
    if (stale.length === 0) continue
    const input = stale.map((route) => `route del ${wordsOf(route)}\n`).join('')
    // A route that went meanwhile is no failure, and must not keep the others.
    await processes.run('ip', [family, '-force', '-batch', '-'], { input }).catch(() => undefined)
  }
}

function wordsOf({ type, dst, from, dev, metric, table }: KernelRoute): string {
  return [
    ...(type === undefined ? [] : [type]),
    dst,
    ...(from === undefined ? [] : ['from', from]),
    ...(dev === undefined ? [] : ['dev', dev]),
    ...(metric === undefined ? [] : ['metric', metric]),
    ...(table === undefined ? [] : ['table', table]),
    `proto ${BABEL_PROTOCOL}`,
  ].join(' ')
}
