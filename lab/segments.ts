import {
  type Family,
  INTERNET_GATEWAY,
  lanAddresses,
  lanSubnet,
  macAddress,
  publicAddresses,
  publicSubnet,
  ROUTER_LINK_LOCAL,
} from './address-plan.ts'
import type { Cable, Machine } from './machine.ts'

/** Something that a machine's cable can be plugged into. */
export interface Segment {
  readonly router: Machine
  /** IP versions that it carries. */
  readonly families: readonly Family[]
  /** A cable for one more machine. */
  cable(families?: readonly Family[]): Cable
}

/** Both IP versions, unless said otherwise. */
const BOTH: readonly Family[] = ['ipv4', 'ipv6']
/** The router itself has number 1. */
const ROUTER_NUMBER = 1
const FIRST_NUMBER = ROUTER_NUMBER + 1

/** Everything that has an address on the Internet. */
const BLACKHOLES = ['203.0.113.0/24', '3fff::/20']

/** What makes a machine the Internet: it forwards, and answers as everybody's gateway. */
export const INTERNET_BOOT_COMMANDS: readonly string[] = [
  'echo 1 >/proc/sys/net/ipv4/ip_forward',
  'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding',
  `ip addr add ${INTERNET_GATEWAY}/32 dev lo`,
  // What is sent to a machine that is gone is lost; nobody hears that it is unreachable.
  ...BLACKHOLES.map((prefix) => `ip route add blackhole ${prefix}`),
]

/**
 * The Internet: one router, and a link of its own for each machine, so that no two public machines share a wire.
 *
 *     machine eth0 203.0.113.N/32 ───── pN internet pM ───── 203.0.113.M/32 eth0 machine
 *             3fff:0:0:N::1/64          fe80::1             3fff:0:0:M::1/64
 */
export class Internet implements Segment {
  readonly router: Machine
  readonly families = BOTH
  #nextNumber = FIRST_NUMBER

  constructor(router: Machine) {
    this.router = router
  }

  cable(families: readonly Family[] = BOTH): Cable {
    return this.numberedCable(this.#nextNumber++, families)
  }

  /** The cable of a gateway, whose LAN has a routed IPv6 prefix. */
  gatewayCable(lan: number, families: readonly Family[]): Cable {
    const number = this.#nextNumber++
    const cable = this.numberedCable(number, families)
    if (!families.includes('ipv6')) return cable
    const route = `ip -6 route replace ${lanSubnet(lan)}/64 via ${publicSubnet(number)}1 dev ${cable.routerPort}`
    return { ...cable, routerSetup: [...cable.routerSetup, route] }
  }

  private numberedCable(number: number, families: readonly Family[]): Cable {
    const routerPort = `p${number}`
    const addresses = publicAddresses(number, families)
    const routerSetup = [...routerPortUp(routerPort)]
    const machineSetup: string[] = []
    if (addresses.ipv4 !== undefined) {
      routerSetup.push(`ip route replace ${addresses.ipv4}/32 dev ${routerPort}`)
      machineSetup.push(
        `ip addr add ${addresses.ipv4}/32 dev eth0`,
        `ip route add default via ${INTERNET_GATEWAY} dev eth0 onlink`,
      )
    }
    if (addresses.ipv6 !== undefined) {
      routerSetup.push(`ip -6 route replace ${publicSubnet(number)}/64 dev ${routerPort}`)
      machineSetup.push(...ipv6Commands(addresses.ipv6, 'eth0'))
    }
    return {
      router: this.router,
      routerPort,
      mac: macAddress(0, number),
      addresses,
      routerSetup,
      machineSetup,
    }
  }
}

/**
 * What makes a machine a gateway with a LAN: IPv4 behind its one address (masquerade); IPv6, if there is, routed.
 * Nobody outside can begin a connection to a machine inside. Its bridge has a MAC address of its own: Linux gives it the
 * lowest of its ports' otherwise, and when a machine comes, those that are there go on sending to the one before, in vain, for
 * as long as they remember it.
 */
export const gatewayBootCommands = (lan: number, families: readonly Family[]): readonly string[] => [
  'echo 1 >/proc/sys/net/ipv4/ip_forward',
  `ip link add name lan address ${macAddress(lan, ROUTER_NUMBER)} type bridge`,
  'echo 0 >/proc/sys/net/ipv6/conf/lan/accept_dad',
  'ip link set dev lan up',
  `ip addr add 192.168.${lan}.1/24 dev lan`,
  ...(families.includes('ipv6')
    ? [
        'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding',
        `ip -6 addr add ${ROUTER_LINK_LOCAL}/64 dev lan nodad`,
        `ip -6 addr add ${lanSubnet(lan)}1/64 dev lan nodad`,
      ]
    : []),
  `nft -f - <<'RULES'
table inet gateway {
  chain outwards { type nat hook postrouting priority srcnat; meta nfproto ipv4 oifname "eth0" masquerade; }
  chain inwards {
    type filter hook forward priority filter
    iifname "eth0" ct state established,related accept
    iifname "eth0" drop
  }
}
RULES`,
]

/** What a gateway of {@link gatewayBootCommands} needs besides, to send everything from outside to one machine of its LAN. */
export const dmzRules = (to: string): string => `
  add chain inet gateway dmz { type nat hook prerouting priority dstnat; }
  add rule inet gateway dmz iifname "eth0" fib daddr type local dnat ip to ${to}
  insert rule inet gateway inwards iifname "eth0" ct status dnat accept`

/** The LAN of a gateway: a switch, on which machines hear each other's multicast. */
export class Lan implements Segment {
  readonly router: Machine
  readonly families: readonly Family[]
  readonly #lan: number
  #nextNumber = FIRST_NUMBER

  constructor(router: Machine, lan: number, families: readonly Family[]) {
    this.router = router
    this.#lan = lan
    this.families = families
  }

  cable(families: readonly Family[] = this.families): Cable {
    const number = this.#nextNumber++
    const addresses = lanAddresses(
      this.#lan,
      number,
      families.filter((family) => this.families.includes(family)),
    )
    const { ipv4, ipv6 } = addresses
    return {
      router: this.router,
      routerPort: `p${number}`,
      mac: macAddress(this.#lan, number),
      addresses,
      routerSetup: [`ip link set dev p${number} master lan up`],
      machineSetup: [
        ...(ipv4 === undefined
          ? []
          : [`ip addr add ${ipv4}/24 dev eth0`, `ip route add default via 192.168.${this.#lan}.1 dev eth0`]),
        ...(ipv6 === undefined ? [] : ipv6Commands(ipv6, 'eth0')),
      ],
    }
  }
}

const routerPortUp = (port: string): string[] => [
  `echo 0 >/proc/sys/net/ipv6/conf/${port}/accept_dad`,
  `ip link set dev ${port} up`,
  `ip -6 addr replace ${ROUTER_LINK_LOCAL}/64 dev ${port} nodad`,
]

const ipv6Commands = (address: string, iface: string): string[] => [
  `ip -6 addr add ${address}/64 dev ${iface} nodad`,
  `ip -6 route add default via ${ROUTER_LINK_LOCAL} dev ${iface}`,
]
