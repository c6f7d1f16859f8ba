import { isIPv6 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'
import { groupAddress, packetBytes, type WholePacket } from './packet-bytes.ts'
import { type Family, NEIGHBOUR, OWN_LINK_LOCAL, type Packet, PEER, SELF, STRANGER } from './permission.ts'
import { EPHEMERAL_PORT, ICMPV6 } from './traffic.ts'

/** An interface of this machine. */
export interface MachineInterface {
  readonly name: string
  readonly index: number
  /** Those that other machines can use, of both IP versions. */
  readonly addresses: readonly string[]
  readonly linkLocal: string | undefined
}

/** Where packets to another node of the network go. */
export interface WayInside {
  readonly family: Family
  readonly iface: string
  /** An address in the node's subnet: one that is not in use, if there is any left. */
  readonly peer: string
  /** Another one there; the same if there is none. */
  readonly otherPeer: string
}

/** What this machine is, as far as packets are concerned. */
export interface MachineAddresses {
  readonly interfaces: readonly MachineInterface[]
  readonly ways: readonly WayInside[]
  /** This node's address in the network. */
  readonly self: Readonly<Partial<Record<Family, string>>>
}

/** A packet that is about to be tried, and how it is known again. */
export interface Probe {
  /** Of the kind that is tried. */
  readonly packet: Packet
  readonly mark: number
  /** Whether it arrives at an interface, or leaves by it. */
  readonly entry: 'receive' | 'send'
  readonly iface: string
  readonly index: number
  readonly saddr: string
  readonly daddr: string
  /** From the IP header on. */
  readonly bytes: Buffer
  /** The Ethernet group that it is sent to; undefined: to one machine. */
  readonly group: Buffer | undefined
  /** Where the rules begin and end for it. */
  readonly first: 'prerouting' | 'output'
  readonly last: 'input' | 'postrouting'
  /** Whether packets to its source would leave by another interface. */
  readonly isDetour: boolean
}

/**
 * Hosts on the Internet of whom nobody has a rule. Nothing is ever sent to them: what would be, ends in our own table.
 */
export const STRANGERS: Readonly<Record<Family, string>> = {
  ipv4: '24.0.113.7',
  ipv6: '2600:1f00:113::7',
}
/** A neighbour with whom there was no conversation yet. */
const UNKNOWN_NEIGHBOUR = 'fe80::5ade:ff:fe00:326'

/** Where messages of ICMPv6 go that are not for one machine (RFC 4861, RFC 2710, RFC 3810). */
const GROUPS: Readonly<Record<number, string>> = {
  [ICMPV6.multicastQuery]: 'ff02::1',
  [ICMPV6.routerAdvertisement]: 'ff02::1',
  [ICMPV6.routerSolicitation]: 'ff02::2',
  [ICMPV6.multicastReport]: 'ff02::16',
}

/**
 * The packets to be tried for one of its kind: usually one; two where nodes are reached directly and by a detour.
 * @param mark gives another number each time
 * @returns refused: why it cannot be tried on this machine, as it is now
 */
export function probesOf(
  packet: Packet,
  machine: MachineAddresses,
  mark: () => number,
): Result<readonly Probe[]> {
  const sources = sourcesOf(packet, machine)
  if (!sources.ok) return sources
  const probes = sources.value.map((source) => probeOf(packet, source, machine, mark))
  const possible = probes.flatMap((probe) => (probe.ok ? [probe.value] : []))
  const [refused] = probes.filter((probe) => !probe.ok)
  return possible.length === 0 && refused !== undefined ? refused : ok(possible)
}

function probeOf(
  packet: Packet,
  { address: saddr, isDetour }: Source,
  machine: MachineAddresses,
  mark: () => number,
): Result<Probe> {
  const daddr = destinationOf(packet, machine, saddr)
  if (!daddr.ok) return daddr
  const found = interfaceOf(packet.hook === 'output' ? packet.oif : packet.iif, machine)
  if (!found.ok) return found
  const { name, index } = found.value
  const isSent = packet.hook === 'output' || (packet.hook === 'input' && name === 'lo')
  const whole: WholePacket = {
    protocol: packet.protocol,
    saddr,
    daddr: daddr.value,
    sport: packet.sport ?? EPHEMERAL_PORT,
    dport: packet.dport ?? 0,
    icmpType: packet.icmpType ?? 0,
    mark: mark(),
  }
  return ok({
    packet,
    mark: whole.mark,
    entry: isSent ? 'send' : 'receive',
    iface: name,
    index,
    saddr,
    daddr: whole.daddr,
    bytes: packetBytes(whole),
    group: groupAddress(whole.daddr),
    first: packet.hook === 'output' ? 'output' : 'prerouting',
    last: packet.hook === 'input' ? 'input' : 'postrouting',
    isDetour,
  })
}

interface Source {
  readonly address: string
  readonly isDetour: boolean
}

function sourcesOf(packet: Packet, machine: MachineAddresses): Result<readonly Source[]> {
  const { hook, family, iif, oif, saddr } = packet
  const one = (address: Result<string>): Result<readonly Source[]> =>
    address.ok ? ok([{ address: address.value, isDetour: false }]) : address
  if (hook === 'output') return one(ownAddress(packet, saddr, oif, machine))
  switch (saddr) {
    case undefined:
    case STRANGER:
      return one(ok(STRANGERS[family]))
    case NEIGHBOUR:
      return one(ok(UNKNOWN_NEIGHBOUR))
    case PEER: {
      const ways = machine.ways.filter((way) => way.family === family)
      const direct = ways.find(({ iface }) => iface === iif)
      const detour = ways.find(({ iface, peer }) => iface !== iif && peer !== direct?.peer)
      const sources = [
        ...(direct ? [{ address: direct.peer, isDetour: false }] : []),
        ...(detour ? [{ address: detour.peer, isDetour: true }] : []),
      ]
      return sources.length === 0 ? refuse('no other node can be reached now') : ok(sources)
    }
    default:
      return one(ok(saddr))
  }
}

function destinationOf(packet: Packet, machine: MachineAddresses, saddr: string): Result<string> {
  const { hook, family, iif, oif, daddr, icmpType = 0, protocol } = packet
  const group = protocol === 'ipv6-icmp' ? GROUPS[icmpType] : undefined
  if (group !== undefined) return ok(group)
  if (hook === 'input') return ownAddress(packet, daddr, iif, machine)
  switch (daddr) {
    case undefined:
    case STRANGER:
      return ok(STRANGERS[family])
    case NEIGHBOUR:
      return ok(UNKNOWN_NEIGHBOUR)
    case PEER: {
      const ways = machine.ways.filter((one) => one.family === family && one.iface === oif)
      const found = ways.flatMap(({ peer, otherPeer }) => [peer, otherPeer]).find((one) => one !== saddr)
      return found === undefined ? refuse(`no other node is reached by ${oif} now`) : ok(found)
    }
    default:
      return ok(daddr)
  }
}

/** The address of this machine that an end of a packet has. */
function ownAddress(
  { family }: Packet,
  address: string | undefined,
  iface: string | undefined,
  machine: MachineAddresses,
): Result<string> {
  switch (address) {
    case undefined: {
      const found = interfaceOf(iface, machine)
      if (!found.ok) return found
      const own = found.value.addresses.find((one) => isIPv6(one) === (family === 'ipv6'))
      return own === undefined
        ? refuse(`${iface} has no address of ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`)
        : ok(own)
    }
    case SELF: {
      const self = machine.self[family]
      return self === undefined ? refuse('this machine does not have the address of the node') : ok(self)
    }
    case OWN_LINK_LOCAL: {
      const found = interfaceOf(iface, machine)
      if (!found.ok) return found
      const { linkLocal } = found.value
      return linkLocal === undefined ? refuse(`${iface} has no link-local address`) : ok(linkLocal)
    }
    default:
      return ok(address)
  }
}

/**
 * Whether what a probe was made from is still so: tunnels come and go while others are tried.
 * @param before what it was made for
 * @param after the machine when all were sent
 */
export function stillHolds(
  { packet, iface, saddr, daddr }: Probe,
  before: MachineAddresses,
  after: MachineAddresses,
): boolean {
  const isSame = (find: (machine: MachineAddresses) => string | number | undefined) =>
    find(before) === find(after)
  const indexOf = (name: string | undefined) => (machine: MachineAddresses) =>
    machine.interfaces.find((one) => one.name === name)?.index
  return (
    [iface, packet.iif, packet.oif].every((name) => isSame(indexOf(name))) &&
    [saddr, daddr].every((address) => isSame((machine) => placeOfAddress(address, machine)))
  )
}

/** The interface that has an address, or by which packets go there; undefined: the address is of neither kind. */
const placeOfAddress = (address: string, { interfaces, ways }: MachineAddresses): string | undefined =>
  ways.find(({ peer, otherPeer }) => peer === address || otherPeer === address)?.iface ??
  interfaces.find(({ addresses, linkLocal }) => linkLocal === address || addresses.includes(address))?.name

function interfaceOf(name: string | undefined, { interfaces }: MachineAddresses): Result<MachineInterface> {
  if (name === undefined) return refuse('this machine has no way to the Internet now')
  const found = interfaces.find((one) => one.name === name)
  return found
    ? ok(found)
    : refuse(`there is no interface ${name}${name.startsWith('re6stnet') ? ': the node does not run' : ''}`)
}
