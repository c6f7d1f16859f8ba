import type { Machine } from './machine.ts'

/** Two machines whose packets to each other are lost. */
export interface Cut {
  readonly ends: readonly [Machine, Machine]
  /** Only what the first sends to the second is lost. */
  readonly isOneWay?: boolean
}

/**
 * The nftables script of one machine that loses the packets of these cuts, silently, as a broken Internet does.
 * Two places are needed: an end drops what comes from the other (also multicast, on a LAN); the router next to an end
 * knows it by its own address, which a NAT hides from everybody else.
 */
export function dropRules(machine: Machine, cuts: readonly Cut[]): string {
  const arriving: string[] = []
  const passing: string[] = []
  for (const { ends, isOneWay = false } of cuts) {
    const ways = isOneWay ? [ends] : ([ends, [ends[1], ends[0]]] as const)
    for (const [there, here] of ways) {
      if (here === machine)
        arriving.push(...fromMachine(there).map((match) => `iifname "eth0" ${match} drop`))
      if (here.cable?.router === machine || there.cable?.router === machine)
        passing.push(...toMachine(there, here))
    }
  }
  return [
    // Declared first, so that there is something to delete.
    'table inet cuts',
    'delete table inet cuts',
    'table inet cuts {',
    ...chain('arriving', 'type filter hook prerouting priority raw', arriving),
    ...chain('passing', 'type filter hook forward priority filter - 1', passing),
    '}',
  ].join('\n')
}

const chain = (name: string, hook: string, rules: readonly string[]): string[] => [
  `chain ${name} {`,
  hook,
  ...rules,
  '}',
]

/** The machines whose rules a cut concerns. */
export const machinesOfCut = ({ ends }: Cut): readonly Machine[] => [
  ...new Set(ends.flatMap((end) => (end.cable === undefined ? [end] : [end, end.cable.router]))),
]

function fromMachine({ addresses: { ipv4, ipv6 }, cable }: Machine): string[] {
  return [
    ...(ipv4 === undefined ? [] : [`ip saddr ${ipv4}`]),
    ...(ipv6 === undefined ? [] : [`ip6 saddr ${ipv6}`]),
    ...(cable === undefined ? [] : [`ether saddr ${cable.mac}`]),
  ]
}

function toMachine({ addresses: from }: Machine, { addresses: to }: Machine): string[] {
  const dropped = (family: string, source: string | undefined, destination: string | undefined) =>
    source === undefined || destination === undefined
      ? []
      : [`${family} saddr ${source} ${family} daddr ${destination} drop`]
  return [...dropped('ip', from.ipv4, to.ipv4), ...dropped('ip6', from.ipv6, to.ipv6)]
}
