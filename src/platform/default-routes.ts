import { Re6stError } from '../core/errors.ts'
import { otherDefaultRouteIn } from '../core/kernel/default-routes.ts'
import type { Processes } from './processes.ts'

/**
 * An IPv6 default route that no re6st network made, as a user would write it; undefined: there is none.
 * @throws Re6stError `DAEMON` when `ip` fails
 */
export async function otherDefaultRoute(processes: Processes): Promise<string | undefined> {
  const { stdout } = await processes.run('ip', ['-6', '-details', '-j', 'route', 'show', 'default'])
  const found = otherDefaultRouteIn(stdout)
  if (!found.ok) throw new Re6stError('DAEMON', found.reason)
  return found.value
}
