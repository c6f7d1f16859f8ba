import { readFile } from 'node:fs/promises'
import { forwardedPackets } from '../../core/kernel/forwarded-packets.ts'

/** How many packets this machine has passed on, of others to others, of both families. */
export async function forwardedCount(): Promise<bigint> {
  const [snmp, snmp6] = await Promise.all(['/proc/net/snmp', '/proc/net/snmp6'].map(textOf))
  return forwardedPackets(snmp ?? '', snmp6 ?? '')
}

/** A kernel without IPv6 has no such file. */
const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')
