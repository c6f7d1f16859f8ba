import { readdirSync } from 'node:fs'
import type { Machine } from './machine.ts'

/** What a daemon may leave behind on a machine, as sorted lines that compare well. */
export interface Footprint {
  readonly interfaces: readonly string[]
  readonly addresses: readonly string[]
  readonly routes: readonly string[]
  readonly rules: readonly string[]
  readonly neighbours: readonly string[]
  readonly firewall: readonly string[]
  /** Interfaces that take part in multicast routing. */
  readonly multicast: readonly string[]
  readonly settings: readonly string[]
  readonly processes: readonly string[]
  readonly files: readonly string[]
}

/** Kernel settings that a node changes. */
const SETTINGS = [
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding',
  'net/ipv6/conf/default/forwarding',
  'net/ipv6/conf/default/accept_dad',
  'net/ipv6/conf/default/accept_ra',
  'net/ipv6/conf/eth0/accept_ra',
]
/** Fields that change by themselves. */
const LIFETIMES = / (valid_lft|preferred_lft|expires) \S+/g

/** What is on a machine now: to be compared with what was there before. */
export async function footprintOf(machine: Machine): Promise<Footprint> {
  const lines = async (command: string, ...args: string[]): Promise<string[]> => {
    const { stdout } = await machine.run(command, ...args)
    return stdout
      .split('\n')
      .map((line) => line.replace(LIFETIMES, '').trim())
      .filter((line) => line !== '')
      .sort()
  }
  const [
    interfaces,
    addresses,
    ipv4Routes,
    ipv6Routes,
    ipv4Rules,
    ipv6Rules,
    neighbours,
    firewall,
    multicast,
    settings,
  ] = await Promise.all([
    lines('ip', '-br', 'link'),
    lines('ip', '-o', 'addr'),
    lines('ip', '-4', 'route', 'show', 'table', 'all'),
    lines('ip', '-6', 'route', 'show', 'table', 'all'),
    lines('ip', '-4', 'rule'),
    lines('ip', '-6', 'rule'),
    lines('ip', 'neigh', 'show', 'proxy'),
    lines('nft', 'list', 'ruleset'),
    lines('sh', '-c', 'tail -qn +2 /proc/net/ip_mr_vif /proc/net/ip6_mr_vif'),
    lines('sh', '-c', SETTINGS.map((name) => `echo ${name} $(cat /proc/sys/${name})`).join(';')),
  ])
  return {
    interfaces: interfaces.map((line) => line.replace(/@\S+/, '')),
    addresses,
    routes: [...ipv4Routes, ...ipv6Routes],
    rules: [...ipv4Rules, ...ipv6Rules],
    neighbours,
    firewall,
    multicast,
    settings,
    processes: await processesOf(machine),
    files: readdirSync(machine.directory, { recursive: true, encoding: 'utf8' }).sort(),
  }
}

/** What differs, as `+ thing` and `- thing`, by kind; empty: nothing. */
export function differences(before: Footprint, after: Footprint): string[] {
  return (Object.keys(before) as (keyof Footprint)[]).flatMap((kind) => [
    ...after[kind].filter((line) => !before[kind].includes(line)).map((line) => `${kind}: + ${line}`),
    ...before[kind].filter((line) => !after[kind].includes(line)).map((line) => `${kind}: - ${line}`),
  ])
}

async function processesOf(machine: Machine): Promise<string[]> {
  // The shell that asks is one of them.
  const script = `ip netns pids ${machine.namespace} | grep -vx $$ | xargs -r ps -o args= -p`
  const { stdout } = await machine.capture('sh', '-c', script)
  return stdout
    .split('\n')
    .filter((line) => line !== '' && !/^(xargs|ps|grep|ip netns pids|sh -c) ?/.test(line))
    .sort()
}
