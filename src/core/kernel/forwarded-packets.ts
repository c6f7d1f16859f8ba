/** What the kernel counts of both families: `/proc/net/snmp6` has a counter in each line. */
const IPV6_LINE = /^Ip6OutForwDatagrams\s+(\d+)$/m

/**
 * How many packets the kernel has passed on, of others to others.
 * @param snmp the text of `/proc/net/snmp`: names in one line, values in the next
 * @param snmp6 the text of `/proc/net/snmp6`; empty: there is no IPv6
 */
export function forwardedPackets(snmp: string, snmp6: string): bigint {
  const [names = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Ip: '))
    .map((line) => line.split(' '))
  const ipv4 = numberOf(values[names.indexOf('ForwDatagrams')])
  return ipv4 + numberOf(IPV6_LINE.exec(snmp6)?.[1])
}

const numberOf = (text: string | undefined): bigint =>
  text !== undefined && /^\d+$/.test(text) ? BigInt(text) : 0n
