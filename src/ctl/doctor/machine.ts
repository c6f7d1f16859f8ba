import { constants } from 'node:fs'
import { access, open, readFile } from 'node:fs/promises'
import type { MachineFacts } from '../../core/doctor/machine.ts'
import { codeOf, messageOf } from '../../core/errors.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { otherDefaultRoute } from '../../platform/default-routes.ts'
import { systemProcesses } from '../../platform/processes.ts'
import { procSysctls } from '../../platform/sysctls.ts'

/** Programs besides the two daemons, with their Debian packages. */
const PROGRAMS = [
  { program: 'ip', package: 'iproute2', version: '--version' },
  { program: 'setpriv', package: 'util-linux', version: '--version' },
] as const
const SMCROUTED = { program: 'smcrouted', package: 'smcroute', version: '-v', option: '--multicast' } as const

const TRIAL_TABLE = '326326'

/** A running node has found out some of it. */
export interface KnownOfMachine {
  readonly isRunning: boolean
  readonly sourceSpecificRoutes: boolean | undefined
  /** Whether the network carries IPv4. */
  readonly carriesIpv4: boolean
}

/** Looks at the machine. */
export async function machineFacts(
  { mainInterface, interfaces, defaultRoute, multicast, router }: NodeOptions,
  { isRunning, sourceSpecificRoutes, carriesIpv4 }: KnownOfMachine,
): Promise<MachineFacts> {
  const readOnly = await settingsAreReadOnly()
  const programs = [...PROGRAMS, ...(multicast ? [SMCROUTED] : [])]
  const [
    openvpn,
    babeld,
    present,
    tunObstacle,
    netAdmin,
    sourceSpecific,
    ipv6Disabled,
    otherRoute,
    forwardingOff,
    pathFilter,
  ] = await Promise.all([
    printedBy('openvpn', '--version'),
    router === 'babeld' ? printedBy('babeld', '-V').then((printed) => ({ printed })) : undefined,
    Promise.all(programs.map(({ program, version }) => printedBy(program, version))),
    tunDeviceObstacle(),
    mayAdministrate(),
    sourceSpecificRoutes ?? hasSourceSpecificRoutes(),
    ipv6DisabledOn(['all', 'default', 'lo', mainInterface, ...interfaces]),
    defaultRoute ? otherDefaultRoute(systemProcesses).catch(() => undefined) : undefined,
    isRunning || readOnly ? forwardingThatIsOff(carriesIpv4 ? ['ipv6', 'ipv4'] : ['ipv6']) : [],
    carriesIpv4 ? pathFilterThatIsOn() : undefined,
  ])
  return {
    openvpn,
    babeld,
    missing: programs.filter((_, at) => present[at] === undefined),
    tunObstacle,
    mayAdministrate: netAdmin,
    settingsAreReadOnly: readOnly,
    sourceSpecificRoutes: sourceSpecific,
    ipv6Disabled,
    otherDefaultRoute: otherRoute,
    forwardingOff,
    pathFilter,
  }
}

/** What a program prints, whatever its status is; undefined: it is not there. */
export async function printedBy(command: string, ...args: string[]): Promise<string | undefined> {
  const lines: string[] = []
  const end = await systemProcesses.start(command, args, { onLine: (line) => void lines.push(line) }).ended
  return end.kind === 'not-started' ? undefined : lines.join('\n')
}

async function tunDeviceObstacle(): Promise<string | undefined> {
  try {
    const device = await open('/dev/net/tun', 'r+')
    await device.close()
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

const CAP_NET_ADMIN = 1n << 12n

/** What this process has, a node that is started as it is has, too. */
async function mayAdministrate(): Promise<boolean | undefined> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const [, bits] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? []
  return bits === undefined ? undefined : (BigInt(`0x${bits}`) & CAP_NET_ADMIN) !== 0n
}

/** As in most containers. */
const settingsAreReadOnly = (): Promise<boolean> =>
  access('/proc/sys/net/ipv6/conf/all/forwarding', constants.W_OK).then(
    () => false,
    (error: unknown) => codeOf(error) === 'EROFS',
  )

/** Tries it, as the node does; undefined: it cannot be tried. */
async function hasSourceSpecificRoutes(): Promise<boolean | undefined> {
  // In a table that nobody looks at, and that is not the one in which a node which starts just now tries it, too.
  const route = ['unreachable', '::/128', 'from', '::/128', 'table', TRIAL_TABLE]
  try {
    await systemProcesses.run('ip', ['-6', 'route', 'add', ...route])
  } catch (error) {
    const reason = messageOf(error)
    // There already: another doctor is at work.
    if (/File exists/.test(reason)) return true
    return /not permitted|ENOENT/.test(reason) ? undefined : false
  }
  await systemProcesses.run('ip', ['-6', 'route', 'del', ...route]).catch(() => {})
  return true
}

async function ipv6DisabledOn(names: readonly string[]): Promise<MachineFacts['ipv6Disabled']> {
  const values = await Promise.all(
    [...new Set(names)].map(async (name) => ({
      name,
      value: await procSysctls.read(`net/ipv6/conf/${name}/disable_ipv6`),
    })),
  )
  // A kernel without IPv6 has none of these settings.
  if (values.every(({ value }) => value === undefined)) return 'by-the-kernel'
  const disabled = values.flatMap(({ name, value }) => (value === '1' ? [name] : []))
  return disabled.includes('all') ? ['all'] : disabled
}

/** It holds for all interfaces, whatever they have themselves. */
async function pathFilterThatIsOn(): Promise<string | undefined> {
  const path = 'net/ipv4/conf/all/rp_filter'
  const value = await procSysctls.read(path)
  return value === undefined || value === '0' ? undefined : path.replaceAll('/', '.')
}

async function forwardingThatIsOff(families: readonly ('ipv4' | 'ipv6')[]): Promise<string[]> {
  const paths = families.map((family) => `net/${family}/conf/all/forwarding`)
  const values = await Promise.all(paths.map((path) => procSysctls.read(path)))
  return paths.filter((_, at) => values[at] === '0').map((path) => path.replaceAll('/', '.'))
}
