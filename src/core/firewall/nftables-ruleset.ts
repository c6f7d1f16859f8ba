import { ok, type Result, refuse } from '../result.ts'
import { type Json, listOf, objectOf, textOf } from './json.ts'
import { readStatements } from './nftables-rule.ts'
import type { Family } from './permission.ts'
import type { BaseChain, ChainHook, FilterChain, FilterRule, FilterTable, Ruleset } from './ruleset.ts'

const FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  inet: ['ipv4', 'ipv6'],
  ip: ['ipv4'],
  ip6: ['ipv6'],
  netdev: ['ipv4', 'ipv6'],
}

const HOOKS: readonly string[] = [
  'ingress',
  'prerouting',
  'input',
  'forward',
  'output',
  'postrouting',
] satisfies ChainHook[]

/** Tables of nftables, by family and name. */
export interface NftablesTables {
  readonly tables: ReadonlyMap<string, FilterTable>
  /** Those with rules of iptables that nftables does not understand. */
  readonly foreign: ReadonlySet<string>
}

/** How a table is called: as `iptables-save` names it in an `ip` or `ip6` table. */
export const tableName = (family: string, name: string): string => `${family} ${name}`

/** Reads what `nft -j list ruleset` prints (libnftables-json(5)). What it does not know, it says in the rule. */
export function readNftables(text: string): Result<NftablesTables> {
  let json: Json
  try {
    json = JSON.parse(text) as Json
  } catch {
    return refuse('nft printed something else than JSON')
  }
  const listing = objectOf(json)['nftables']
  if (!Array.isArray(listing)) return refuse('nft printed no ruleset')
  const objects = (kind: string) =>
    (listing as readonly Json[]).flatMap((entry) =>
      Object.hasOwn(objectOf(entry), kind) ? [objectOf(objectOf(entry)[kind])] : [],
    )
  const tables = new Map<string, FilterTable>()
  const foreign = new Set<string>()
  const sets = new Map<string, readonly Json[]>()
  for (const set of [...objects('set'), ...objects('map')])
    sets.set(`${nameOfTable(set)} ${textOf(set['name'])}`, listOf(set['elem']))
  const rules = new Map<string, FilterRule[]>()
  for (const rule of objects('rule')) {
    const table = textOf(rule['table'])
    const family = textOf(rule['family'])
    const chain = `${tableName(family, table)} ${textOf(rule['chain'])}`
    const read = readStatements(listOf(rule['expr']), {
      place: `rule ${typeof rule['handle'] === 'number' ? rule['handle'] : '?'} of ${chain}`,
      setOf: (name) => sets.get(`${tableName(family, table)} ${name}`),
    })
    if (read.isForeign) foreign.add(tableName(family, table))
    const those = rules.get(chain)
    if (those === undefined) rules.set(chain, [...read.rules])
    else those.push(...read.rules)
  }
  for (const table of objects('table')) {
    const families = FAMILIES[textOf(table['family'])]
    if (families === undefined || listOf(table['flags']).includes('dormant')) continue
    const chains = new Map<string, FilterChain>()
    for (const chain of objects('chain').filter((one) => nameOfTable(one) === nameOfTable(table, 'name'))) {
      const name = textOf(chain['name'])
      const place = `${nameOfTable(chain)} ${name}`
      chains.set(name, { place, base: baseOf(chain), rules: rules.get(place) ?? [] })
    }
    tables.set(nameOfTable(table, 'name'), { families, chains })
  }
  return ok({ tables, foreign })
}

const nameOfTable = (object: { readonly [name: string]: Json }, field = 'table'): string =>
  tableName(textOf(object['family']), textOf(object[field]))

function baseOf(chain: { readonly [name: string]: Json }): BaseChain | undefined {
  const hook = textOf(chain['hook'])
  if (!HOOKS.includes(hook)) return undefined
  const devices = listOf(chain['dev']).filter((one) => typeof one === 'string')
  return {
    hook: hook as ChainHook,
    priority: typeof chain['prio'] === 'number' ? chain['prio'] : 0,
    policy: chain['policy'] === 'drop' ? 'drop' : 'accept',
    devices,
  }
}

/** The ruleset, with the tables of iptables as iptables itself tells them. */
export const rulesetOf = (
  { tables }: NftablesTables,
  iptables: ReadonlyMap<string, FilterTable>,
): Ruleset => [...new Map([...tables, ...iptables]).values()]
