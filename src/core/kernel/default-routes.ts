import { ok, type Result, refuse } from '../result.ts'

/** Routes of babeld, by name or (without a table of names) number. */
const BABEL: ReadonlySet<unknown> = new Set(['babel', '42', 42])

/**
 * The first way to the Internet that no re6st network has given, in what `ip -details -j route show default` prints.
 * Those of babeld are for packets from a network alone. One that goes nowhere is no way.
 * @returns the route as a user would write it; undefined: there is none
 */
export function otherDefaultRouteIn(printed: string): Result<string | undefined> {
  let routes: unknown
  try {
    routes = printed.trim() === '' ? [] : JSON.parse(printed)
  } catch {
    return refuse('ip did not print JSON')
  }
  if (!Array.isArray(routes)) return refuse('ip did not print a list of routes')
  const other = routes
    .filter(isObject)
    .find(({ type = 'unicast', protocol }) => type === 'unicast' && !BABEL.has(protocol))
  return ok(other && nameOf(other))
}

function nameOf({ gateway, dev, nexthops }: Record<string, unknown>): string {
  // A route with several ways has them in a list.
  const [first] = Array.isArray(nexthops) ? nexthops.filter(isObject) : []
  const [via, by] = [gateway ?? first?.['gateway'], dev ?? first?.['dev']]
  return ['default', ...word('via', via), ...word('dev', by)].join(' ')
}

const word = (name: string, value: unknown): readonly string[] =>
  typeof value === 'string' ? [name, value] : []

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
