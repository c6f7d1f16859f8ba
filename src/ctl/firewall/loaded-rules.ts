import { readFileSync } from 'node:fs'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { readIptables } from '../../core/firewall/iptables-ruleset.ts'
import {
  type NftablesTables,
  readNftables,
  rulesetOf,
  tableName,
} from '../../core/firewall/nftables-ruleset.ts'
import type { Family } from '../../core/firewall/permission.ts'
import type { FilterTable, Ruleset } from '../../core/firewall/ruleset.ts'
import type { Processes } from '../../platform/processes.ts'

/** The rules in the kernel, as far as they can be read. */
export interface LoadedRules {
  readonly ruleset: Ruleset
  /** What could not be read, and what to do about it. */
  readonly unread: readonly string[]
}

/** Of iptables over nftables, and of the old iptables. */
const COMMANDS = {
  ipv4: {
    nftFamily: 'ip',
    save: 'iptables-save',
    legacySave: 'iptables-legacy-save',
    legacyTables: '/proc/net/ip_tables_names',
  },
  ipv6: {
    nftFamily: 'ip6',
    save: 'ip6tables-save',
    legacySave: 'ip6tables-legacy-save',
    legacyTables: '/proc/net/ip6_tables_names',
  },
} as const

/**
 * Reads the rules that are loaded in the kernel: those of nftables, and those of iptables as iptables itself tells
 * them, since nftables does not understand all of what it finds in them.
 * @throws Re6stError `DAEMON` when `nft` is missing or not allowed to
 */
export async function loadedRules(processes: Processes): Promise<LoadedRules> {
  const nftables = await nftablesTables(processes)
  const tables = new Map<string, FilterTable>()
  const unread: string[] = []
  for (const family of ['ipv4', 'ipv6'] as const) {
    const { nftFamily, save, legacySave } = COMMANDS[family]
    const saved = async (command: string) => {
      try {
        return readIptables((await processes.run(command, [])).stdout, family)
      } catch (error) {
        unread.push(`rules of ${command.replace('-save', '')} cannot be read: ${messageOf(error)}`)
        return new Map<string, FilterTable>()
      }
    }
    if ([...nftables.foreign].some((name) => name.startsWith(`${nftFamily} `)))
      for (const [name, table] of await saved(save))
        if (nftables.foreign.has(tableName(nftFamily, name))) tables.set(tableName(nftFamily, name), table)
    if (hasLegacyTables(family))
      for (const [name, table] of await saved(legacySave)) tables.set(`legacy ${nftFamily} ${name}`, table)
  }
  return { ruleset: rulesetOf(nftables, tables), unread }
}

async function nftablesTables(processes: Processes): Promise<NftablesTables> {
  let text: string
  try {
    text = (await processes.run('nft', ['-j', 'list', 'ruleset'])).stdout
  } catch (error) {
    const message = messageOf(error)
    const remedy = message.includes('ENOENT')
      ? 'nft is missing: apt-get install nftables'
      : /not permitted|must be root|superuser/i.test(message)
        ? 'the rules in the kernel can only be read by root'
        : message
    throw new Re6stError('DAEMON', remedy, { cause: error })
  }
  // Some versions print nothing at all where no rule is loaded.
  const tables = readNftables(text.trim() === '' ? '{"nftables":[]}' : text)
  if (!tables.ok) throw new Re6stError('DAEMON', `nft -j list ruleset: ${tables.reason}`)
  return tables.value
}

function hasLegacyTables(family: Family): boolean {
  try {
    return readFileSync(COMMANDS[family].legacyTables, 'utf8').trim() !== ''
  } catch {
    // The module of the old iptables is not loaded.
    return false
  }
}
