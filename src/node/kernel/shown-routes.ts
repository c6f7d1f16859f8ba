import { type MonitoredRoute, parseMonitorLine } from '../../core/kernel/monitor-line.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Processes } from '../../platform/processes.ts'
import { PROTOCOL } from './route-lines.ts'

/** As long as any short command may take. */
const LIMIT_MS = 30_000

/**
 * Calls back for each route of ours that the kernel has now, a part of them in each turn of the event loop: there may be tens of
 * thousands.
 * @returns whether these were all
 */
export async function eachRouteOfOurs(
  {
    processes,
    clock,
  }: { readonly processes: Pick<Processes, 'start'>; readonly clock: Pick<Clock, 'after'> },
  visit: (route: MonitoredRoute) => void,
): Promise<boolean> {
  const shown = ['-6', '-4'].map((family) =>
    processes.start('ip', ['-o', family, 'route', 'show', 'proto', PROTOCOL], {
      onLine(line, stream) {
        const event = stream === 'stdout' ? parseMonitorLine(line) : undefined
        if (event?.kind === 'route') visit(event.route)
      },
    }),
  )
  const limit = clock.after(LIMIT_MS, () => {
    for (const ip of shown) ip.signal('SIGKILL')
  })
  const ends = await Promise.all(shown.map(({ ended }) => ended))
  limit[Symbol.dispose]()
  return ends.every((end) => end.kind === 'exited' && end.status === 0)
}
