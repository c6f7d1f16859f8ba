import { addressOfBits } from '../values/bits.ts'
import { type Channel, isRoutedGroup } from './channel.ts'

/** A group that programs on this machine have joined on an interface. */
export interface Membership {
  readonly iface: string
  readonly group: string
  /** Sources that were asked for by name. */
  readonly sources: readonly string[]
}

/** What the kernel's forwarding cache has of a channel. */
export interface CacheEntry extends Channel {
  /** Where its packets come in; undefined: not decided yet. */
  readonly iface: string | undefined
  /** Packets that came in there. */
  readonly packets: number
}

/** What the kernel knows of multicast. */
export interface KernelTables {
  readonly memberships: readonly Membership[]
  readonly cache: readonly CacheEntry[]
  /** Interfaces that take part in multicast routing. */
  readonly routedIfaces: readonly string[]
}

/** The kernel's own text, of `/proc/net/…`. */
export interface KernelTexts {
  readonly igmp6: string
  readonly mcfilter6: string
  readonly ip6_mr_vif: string
  readonly ip6_mr_cache: string
}

/** Reads the kernel's tables. Only groups that routers forward are of interest. */
export function readKernelTables(texts: KernelTexts): KernelTables {
  const vifs = new Map(
    rows(texts.ip6_mr_vif).flatMap(([index = '', iface]) =>
      /^\d+$/.test(index) && iface ? [[index, iface] as const] : [],
    ),
  )
  return {
    memberships: membershipsOf(rows(texts.igmp6), rows(texts.mcfilter6)),
    cache: rows(texts.ip6_mr_cache).flatMap((row) => cacheEntryOf(row, vifs)),
    routedIfaces: [...vifs.values()],
  }
}

const rows = (text: string): string[][] => text.split('\n').map((line) => line.trim().split(/\s+/))

function membershipsOf(groups: readonly string[][], filters: readonly string[][]): Membership[] {
  // The filter's table cuts names of interfaces short, not their indices.
  const sourcesOf = new Map<string, string[]>()
  for (const [index, , groupHex = '', sourceHex = '', including] of filters) {
    const [group, source] = [addressOfHex(groupHex), addressOfHex(sourceHex)]
    if (!group || !source || !(Number(including) > 0)) continue
    const key = `${index} ${group}`
    sourcesOf.set(key, [...(sourcesOf.get(key) ?? []), source])
  }
  return groups.flatMap(([index, iface, hex = '']) => {
    const group = addressOfHex(hex)
    if (!iface || !group || !isRoutedGroup(group)) return []
    return [{ iface, group, sources: sourcesOf.get(`${index} ${group}`) ?? [] }]
  })
}

function cacheEntryOf(row: readonly string[], vifs: ReadonlyMap<string, string>): CacheEntry[] {
  const [groupHex = '', sourceHex = '', vif = '', packets, , wrong] = row
  const [group, source] = [addressOfHex(groupHex), addressOfHex(sourceHex)]
  if (!group || !source || !isRoutedGroup(group)) return []
  const arrived = Number(packets) - Number(wrong)
  return [{ source, group, iface: vifs.get(vif), packets: Number.isFinite(arrived) ? arrived : 0 }]
}

/** 32 hexadecimal digits, with or without colons. Undefined: something else, as the words of a heading. */
function addressOfHex(hex: string): string | undefined {
  const digits = hex.replaceAll(':', '')
  if (!/^[0-9a-f]{32}$/.test(digits)) return undefined
  return addressOfBits(BigInt(`0x${digits}`).toString(2).padStart(128, '0'))
}
