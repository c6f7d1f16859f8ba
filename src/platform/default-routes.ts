import type { Processes } from './processes.ts'

/** Routes of babeld, by name or (without a table of names) number. */
const BABEL: ReadonlySet<string> = new Set(['babel', '42'])

/** A default route as `ip -details -j route` writes it. */
interface DefaultRoute {
  readonly type: string
  readonly protocol: string
  readonly gateway?: string
  readonly dev?: string
}

/**
 * An IPv6 default route that no re6st network made, as `ip route` shows it; undefined: there is none.
 * @throws Re6stError `DAEMON` when `ip` fails
 */
export async function otherDefaultRoute(processes: Processes): Promise<string | undefined> {
  const { stdout } = await processes.run('ip', ['-6', '-details', '-j', 'route', 'show', 'default'])
  const routes = (stdout.trim() === '' ? [] : JSON.parse(stdout)) as DefaultRoute[]
  // Those of another re6st network are for packets from there alone.
  const other = routes.find(({ type, protocol }) => type === 'unicast' && !BABEL.has(protocol))
  return other && nameOf(other)
}

const nameOf = ({ gateway, dev }: DefaultRoute): string =>
  ['default', ...(gateway ? ['via', gateway] : []), ...(dev ? ['dev', dev] : [])].join(' ')
