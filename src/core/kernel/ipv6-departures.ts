/** What is sent to one other machine: packets of this machine and those that it passes on, without what asks for and tells MAC addresses. */
const COUNTERS = [
  { line: /^Ip6OutRequests\s+(\d+)$/m, sign: 1 },
  { line: /^Ip6OutForwDatagrams\s+(\d+)$/m, sign: 1 },
  { line: /^Ip6OutMcastPkts\s+(\d+)$/m, sign: -1 },
  { line: /^Icmp6OutNeighborSolicits\s+(\d+)$/m, sign: -1 },
  { line: /^Icmp6OutNeighborAdvertisements\s+(\d+)$/m, sign: -1 },
] as const

/**
 * Reads the kernel's IPv6 counters of an interface, as in `/proc/net/dev_snmp6/eth0`.
 * @returns how many packets have left it so far for one other machine each. Solicitations to a group are taken off twice: it is
 * never too many. Undefined: that is not known
 */
export function readIpv6Departures(text: string): number | undefined {
  let packets = 0
  for (const { line, sign } of COUNTERS) {
    const count = line.exec(text)?.[1]
    if (count === undefined) return undefined
    packets += sign * Number(count)
  }
  return packets
}
