/**
 * The demo's picture of the network, as data: what the terminal and the page show. Everything here is pure, and the
 * page loads it too, so nothing of Node is imported.
 */

/** What a machine is doing. */
export type Stage = 'off' | 'waiting' | 'enrolling' | 'enrolled' | 'starting' | 'running' | 'killed'

/** A tunnel as one of its ends sees it. */
export interface TunnelView {
  /** Subnet name of the other end. */
  readonly peer: string
  readonly role: 'client' | 'server'
  readonly protocol: string
  readonly iface: string
}

/** A route that a machine uses. */
export interface RouteView {
  /** Subnet name of the destination. */
  readonly to: string
  /** Subnet name of the neighbour that packets go to. */
  readonly next: string
  readonly iface: string
  readonly metric: number
}

/** A machine, as far as known. */
export interface MachineView {
  readonly name: string
  /** Name of the NAT that it is behind; undefined: a public address. */
  readonly site: string | undefined
  readonly registry: boolean
  readonly underlay: string
  readonly stage: Stage
  readonly subnet: string | undefined
  readonly address: string | undefined
  readonly tunnels: readonly TunnelView[]
  readonly routes: readonly RouteView[]
}

/** Something that happened, for the log of the demo. */
export interface StoryLine {
  readonly atMs: number
  readonly kind: 'step' | 'machine' | 'good' | 'bad'
  readonly text: string
}

/** How long packets did not flow after something was broken. */
export interface Outage {
  readonly what: string
  readonly from: string
  readonly to: string
  /** Seconds without packets; undefined: still so. */
  readonly seconds: number | undefined
}

/** Round-trip times in milliseconds from each machine to each, by name; absent: no answer. */
export type RoundTrips = Readonly<Record<string, Readonly<Record<string, number>>>>

/** All that is shown. */
export interface Picture {
  readonly step: string
  readonly elapsedMs: number
  readonly machines: readonly MachineView[]
  readonly roundTrips: RoundTrips
  /** Pairs of machines between which packets are lost. */
  readonly cuts: readonly (readonly [string, string])[]
  readonly outages: readonly Outage[]
  readonly story: readonly StoryLine[]
}

/** A link between two machines that carries or can carry packets. */
export interface Link {
  readonly ends: readonly [string, string]
  /** `tcp`, `udp6`, …; `LAN` where they hear each other without a tunnel. */
  readonly protocol: string
}

/** The way of packets from one machine to another. */
export interface Way {
  readonly to: string
  /** Names of the machines on it, both ends included; ends early where no route goes on. */
  readonly hops: readonly string[]
  readonly complete: boolean
}

/** A network of many thousand nodes has ways shorter than this: a longer one is a loop. */
const LONGEST_WAY = 64

const running = (machine: MachineView): boolean => machine.stage === 'running'

/** Each link once, between machines that run, in a stable order. */
export function linksOf({ machines }: Pick<Picture, 'machines'>): readonly Link[] {
  const names = namesBySubnet(machines)
  const links = new Map<string, Link>()
  const add = (one: string, other: string | undefined, protocol: string) => {
    if (other === undefined || one === other) return
    const ends = [one, other].sort() as [string, string]
    const key = ends.join(' ')
    // A tunnel says more than what a route tells.
    if (!links.has(key)) links.set(key, { ends, protocol })
  }
  const live = machines.filter(running)
  for (const machine of live)
    for (const tunnel of machine.tunnels) add(machine.name, names.get(tunnel.peer), tunnel.protocol)
  for (const machine of live)
    for (const route of machine.routes)
      if (route.to === route.next && !route.iface.startsWith('re6stnet'))
        add(machine.name, names.get(route.next), 'LAN')
  return [...links.values()].sort((a, b) => a.ends.join(' ').localeCompare(b.ends.join(' ')))
}

/** The ways of packets from one machine to all others, by the routing tables of the machines that they pass. */
export function waysFrom(from: string, { machines }: Pick<Picture, 'machines'>): readonly Way[] {
  const names = namesBySubnet(machines)
  const byName = new Map(machines.map((machine) => [machine.name, machine]))
  return machines
    .filter((machine) => machine.name !== from && machine.subnet !== undefined)
    .map((target) => {
      const hops = [from]
      let here = byName.get(from)
      while (here !== undefined && here.name !== target.name && hops.length < LONGEST_WAY) {
        const route = running(here) ? here.routes.find(({ to }) => to === target.subnet) : undefined
        const next = route && names.get(route.next)
        if (next === undefined || hops.includes(next)) break
        hops.push(next)
        here = byName.get(next)
      }
      return { to: target.name, hops, complete: hops.at(-1) === target.name && here?.stage === 'running' }
    })
}

/** Pairs that answered, of those that should: machines that run. */
export function reachability({ machines, roundTrips }: Pick<Picture, 'machines' | 'roundTrips'>): {
  readonly answered: number
  readonly wanted: number
} {
  const live = machines.filter(running).map(({ name }) => name)
  const answered = live.flatMap((from) =>
    live.filter((to) => to !== from && roundTrips[from]?.[to] !== undefined),
  ).length
  return { answered, wanted: live.length * (live.length - 1) }
}

/** A machine in the middle of a way, and the two ends of that way: what to kill to see packets go around. */
export function machineOnAPath(
  picture: Pick<Picture, 'machines'>,
): { readonly from: string; readonly via: string; readonly to: string } | undefined {
  const byName = new Map(picture.machines.map((machine) => [machine.name, machine]))
  const links = linksOf(picture)
  const ways = picture.machines
    .filter(({ registry }) => !registry)
    .flatMap(({ name: from }) =>
      waysFrom(from, picture)
        .filter(({ complete, to }) => complete && !byName.get(to)?.registry)
        .flatMap(({ to, hops }) => hops.slice(1, -1).map((via) => ({ from, via, to }))),
    )
    .filter(({ via }) => !byName.get(via)?.registry)
  // Best where the way around is there already; between two NATs, where nothing goes directly, it shows best.
  const worth = ({ from, via, to }: (typeof ways)[number]) =>
    (connectedWithout(links, via, from, to) ? 2 : 0) +
    (byName.get(from)?.site !== undefined && byName.get(to)?.site !== undefined ? 1 : 0)
  return ways.sort((one, other) => worth(other) - worth(one))[0]
}

function connectedWithout(links: readonly Link[], removed: string, from: string, to: string): boolean {
  const reached = new Set([from])
  for (const here of reached)
    for (const { ends } of links)
      if (ends.includes(here) && !ends.includes(removed)) for (const end of ends) reached.add(end)
  return reached.has(to)
}

/** Two machines whose packets go directly through a tunnel: what to cut to see packets go around. */
export function directPair(
  picture: Pick<Picture, 'machines'>,
): { readonly from: string; readonly to: string } | undefined {
  const live = new Map(picture.machines.filter(running).map((machine) => [machine.name, machine]))
  for (const { ends, protocol } of linksOf(picture)) {
    const [from, to] = ends
    const direct = (one: string, other: string) =>
      waysFrom(one, picture).some((way) => way.to === other && way.hops.length === 2)
    // A machine with one tunnel only has no way around.
    const hasOthers = (name: string) => (live.get(name)?.tunnels.length ?? 0) > 1
    if (protocol !== 'LAN' && direct(from, to) && direct(to, from) && hasOthers(from) && hasOthers(to))
      return { from, to }
  }
  return undefined
}

function namesBySubnet(machines: readonly MachineView[]): ReadonlyMap<string, string> {
  return new Map(
    machines.flatMap(({ subnet, name }) => (subnet === undefined ? [] : [[subnet, name] as const])),
  )
}
