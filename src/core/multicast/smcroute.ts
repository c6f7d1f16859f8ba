import type { MulticastRoute } from './plan.ts'

/** Where smcrouted finds and leaves what. */
export interface SmcroutePaths {
  readonly configuration: string
  readonly socket: string
  readonly pidFile: string
}

/** In the run directory of the node. */
export const smcroutePaths = (runDirectory: string): SmcroutePaths => ({
  configuration: `${runDirectory}/smcroute.conf`,
  socket: `${runDirectory}/smcroute.sock`,
  pidFile: `${runDirectory}/smcroute.pid`,
})

/** The command line: in the foreground, routing on no interface but those of the configuration. */
export const smcrouteArguments = ({ configuration, socket, pidFile }: SmcroutePaths): readonly string[] => [
  ...['-n', '-N', '-i', 're6stnet'],
  ...['-f', configuration, '-u', socket, '-P', pidFile],
]

/** The command line of smcroutectl that asks it for what it does. */
export const smcroutectlArguments = ({ socket }: SmcroutePaths): readonly string[] => [
  '-p',
  '-u',
  socket,
  'show',
]

/** What smcrouted writes when it has done what its configuration says, at its start and after each HUP. */
export const isReadyLine = (line: string): boolean => line.includes('Ready, waiting')

/** What it writes when the kernel has another multicast router: there can be one. */
export const isOccupiedLine = (line: string): boolean => line.includes('already in use')

/** What it writes when it cannot route on an interface of its configuration. */
export const isRefusalLine = (line: string): boolean => line.includes('Parse error in')

/** The interfaces that take part: the kernel has room for 32, so only those that are in use. */
export const ifacesOf = (routes: readonly MulticastRoute[], always: readonly string[]): readonly string[] => [
  ...new Set([...always, ...routes.flatMap(({ from, to }) => [from, ...to])]),
]

/** The configuration file. */
export function smcrouteConfiguration(ifaces: readonly string[], routes: readonly MulticastRoute[]): string {
  const known = new Set(ifaces)
  const lines = routes.flatMap(({ source, group, from, to }) => {
    const out = to.filter((iface) => known.has(iface))
    return known.has(from) && out.length > 0
      ? [`mroute from ${from} source ${source} group ${group} to ${out.join(' ')}`]
      : []
  })
  return [...[...ifaces].sort().map((iface) => `phyint ${iface} enable`), ...lines, ''].join('\n')
}
