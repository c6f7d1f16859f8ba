import { splitShellWords } from '../options/shell-words.ts'
import {
  addressRange,
  hasAddress,
  hasInterface,
  hasNumber,
  hasProtocol,
  hasState,
  type NumberRange,
  prefixRange,
  unknownCondition,
} from './conditions.ts'
import type { Family } from './permission.ts'
import {
  type Action,
  type BaseChain,
  type ChainHook,
  type Condition,
  type FilterChain,
  type FilterRule,
  type FilterTable,
  not,
} from './ruleset.ts'

/** Chains that the kernel calls, by the names that iptables gives them. */
const HOOKS: Readonly<Record<string, ChainHook>> = {
  PREROUTING: 'prerouting',
  INPUT: 'input',
  FORWARD: 'forward',
  OUTPUT: 'output',
  POSTROUTING: 'postrouting',
}

/** Order in which the tables are passed (netfilter's own numbers). */
const PRIORITIES: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  nat: -100,
  filter: 0,
  security: 50,
}

/**
 * Reads what `iptables-save` or `ip6tables-save` prints, by the names of the tables. What it does not know, it says in
 * the rule.
 */
export function readIptables(text: string, family: Family): ReadonlyMap<string, FilterTable> {
  const tables = new Map<string, FilterTable>()
  let name = ''
  let chains = new Map<string, FilterChain & { readonly rules: FilterRule[] }>()
  for (const line of text.split('\n')) {
    const [, table] = /^\*(\S+)/.exec(line) ?? []
    if (table !== undefined) {
      name = table
      chains = new Map()
      tables.set(name, { families: [family], chains })
      continue
    }
    const [, chain, policy] = /^:(\S+)\s+(\S+)/.exec(line) ?? []
    const place = (of: string) => `${COMMANDS[family]} ${name} ${of}`
    if (chain !== undefined) {
      chains.set(chain, { base: baseOf(name, chain, policy), rules: [], place: place(chain) })
      continue
    }
    if (!line.startsWith('-A ')) continue
    const words = splitShellWords(line)
    const [, of = '', ...rest] = words.ok ? words.value : line.split(' ')
    const rules = chains.get(of)?.rules
    rules?.push(ruleOf(rest, family, `rule ${rules.length + 1} of ${place(of)}`))
  }
  return tables
}

const COMMANDS: Readonly<Record<Family, string>> = { ipv4: 'iptables', ipv6: 'ip6tables' }

function baseOf(table: string, chain: string, policy: string | undefined): BaseChain | undefined {
  const hook = Object.hasOwn(HOOKS, chain) ? HOOKS[chain] : undefined
  if (hook === undefined) return undefined
  const priority = Object.hasOwn(PRIORITIES, table) ? (PRIORITIES[table] ?? 0) : 0
  return { hook, priority, policy: policy === 'DROP' ? 'drop' : 'accept', devices: [] }
}

/** One option of a rule: its name, its values, and whether it is negated. */
interface RuleOption {
  readonly name: string
  readonly values: readonly string[]
  readonly isNegated: boolean
}

function ruleOf(words: readonly string[], family: Family, place: string): FilterRule {
  const conditions: Condition[] = []
  const unknown: string[] = []
  let action: Action = { kind: 'continue' }
  let isTargetRead = false
  for (const { name, values, isNegated } of optionsOf(words)) {
    if (name === '-j' || name === '-g') {
      action = actionOf(name, values[0])
      isTargetRead = true
      // What follows are options of the target.
      if (action.kind === 'unknown') unknown.push(`${name} ${values[0]}`)
      continue
    }
    if (isTargetRead || name === '-m' || name === '--comment') continue
    const condition = conditionOf(name, values, family)
    if (condition === undefined) unknown.push([name, ...values].join(' '))
    conditions.push(
      condition === undefined ? unknownCondition : isNegated ? (packet) => not(condition(packet)) : condition,
    )
  }
  return { conditions, action, place, unknown }
}

function optionsOf(words: readonly string[]): readonly RuleOption[] {
  const options: { name: string; values: string[]; isNegated: boolean }[] = []
  let isNegated = false
  for (const word of words) {
    const last = options.at(-1)
    if (word === '!') isNegated = true
    // The text of a comment may look like anything.
    else if (word.startsWith('-') && !(last?.name === '--comment' && last.values.length === 0)) {
      options.push({ name: word, values: [], isNegated })
      isNegated = false
    } else last?.values.push(word)
  }
  return options
}

function actionOf(option: string, target = ''): Action {
  switch (target) {
    case 'ACCEPT':
      return { kind: 'accept' }
    case 'DROP':
    case 'REJECT':
      return { kind: 'drop' }
    case 'RETURN':
      return { kind: 'return' }
    // They change a packet, or tell somebody, and the next rule decides.
    case 'LOG':
    case 'NFLOG':
    case 'MARK':
    case 'CONNMARK':
    case 'CLASSIFY':
    case 'DSCP':
    case 'TCPMSS':
    case 'TTL':
    case 'HL':
    case 'CHECKSUM':
    case 'MASQUERADE':
    case 'SNAT':
    case 'NOTRACK':
    case 'CT':
    case 'SET':
      return { kind: 'continue' }
    // To a program, or to another address.
    case 'NFQUEUE':
    case 'QUEUE':
    case 'DNAT':
    case 'REDIRECT':
    case 'TPROXY':
      return { kind: 'unknown' }
    default:
      // A chain; one that does not exist cannot be followed either.
      return { kind: option === '-g' ? 'goto' : 'jump', target }
  }
}

/** What `--syn` stands for. */
const SYN_FLAGS = 'FIN,SYN,RST,ACK SYN'

/** Undefined: not understood. */
function conditionOf(name: string, values: readonly string[], family: Family): Condition | undefined {
  const [value = ''] = values
  switch (name) {
    case '-i':
    case '--in-interface':
      return hasInterface('iif', [value.replace(/\+$/, '*')])
    case '-o':
    case '--out-interface':
      return hasInterface('oif', [value.replace(/\+$/, '*')])
    case '-p':
    case '--protocol':
      return protocolCondition(value)
    case '-s':
    case '--source':
      return addressCondition('saddr', value, family)
    case '-d':
    case '--destination':
      return addressCondition('daddr', value, family)
    case '--src-range':
      return rangeCondition('saddr', value)
    case '--dst-range':
      return rangeCondition('daddr', value)
    case '--sport':
    case '--sports':
    case '--source-port':
      return numberCondition('sport', value)
    case '--dport':
    case '--dports':
    case '--destination-port':
      return numberCondition('dport', value)
    case '--icmp-type':
    case '--icmpv6-type':
      return value === 'any' ? () => true : numberCondition('icmpType', value)
    case '--state':
    case '--ctstate':
      return hasState(value.toLowerCase().split(','))
    case '--tcp-flags':
      if (values.join(' ') !== SYN_FLAGS) return undefined
      // The first packet of a connection, and no other.
      return ({ protocol, state }) => protocol === 'tcp' && state === 'new'
    default:
      return undefined
  }
}

const PROTOCOL_NUMBERS: Readonly<Record<string, string>> = {
  '1': 'icmp',
  '6': 'tcp',
  '17': 'udp',
  '58': 'ipv6-icmp',
  icmp6: 'ipv6-icmp',
}

const protocolCondition = (value: string): Condition =>
  value === 'all' || value === '0'
    ? () => true
    : hasProtocol([Object.hasOwn(PROTOCOL_NUMBERS, value) ? (PROTOCOL_NUMBERS[value] ?? value) : value])

function addressCondition(side: 'saddr' | 'daddr', value: string, family: Family): Condition | undefined {
  const [address = '', length = family === 'ipv4' ? '32' : '128'] = value.split('/')
  const range = /^\d{1,3}$/.test(length) ? prefixRange(address, Number(length)) : undefined
  return range && hasAddress(side, [range])
}

function rangeCondition(side: 'saddr' | 'daddr', value: string): Condition | undefined {
  const [from = '', to = from] = value.split('-')
  const range = addressRange(from, to)
  return range && hasAddress(side, [range])
}

/** `80`, `1024:65535`, `80,443`; of an ICMP type also with a code, which is not understood. */
function numberCondition(field: 'sport' | 'dport' | 'icmpType', value: string): Condition | undefined {
  const ranges: NumberRange[] = []
  for (const part of value.split(',')) {
    const [, first, colon, last] = /^(\d{0,5})(:?)(\d{0,5})$/.exec(part) ?? []
    if (first === undefined || (first === '' && colon === '')) return undefined
    ranges.push({
      first: Number(first),
      last: colon === '' ? Number(first) : last === '' ? 0xffff : Number(last),
    })
  }
  return hasNumber(field, ranges)
}
