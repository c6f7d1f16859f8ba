import {
  type AddressRange,
  addressRange,
  hasAddress,
  hasFamily,
  hasInterface,
  hasNumber,
  hasProtocol,
  hasState,
  type NumberRange,
  prefixRange,
  unknownCondition,
} from './conditions.ts'
import { ICMP_TYPE_NAMES, ICMPV6_TYPE_NAMES } from './icmp-types.ts'
import { type Json, listOf, objectOf, textOf } from './json.ts'
import { type Action, both, type Condition, type FilterRule, not } from './ruleset.ts'

/** What a rule is read with. */
interface RuleContext {
  readonly place: string
  /** Elements of a named set or map. */
  readonly setOf: (name: string) => readonly Json[] | undefined
}

/** What a rule came to. */
interface ReadRule {
  /** More than one for a verdict map. */
  readonly rules: readonly FilterRule[]
  /** It has parts that only iptables understands. */
  readonly isForeign: boolean
}

/** Statements that decide nothing. */
const HARMLESS = new Set([
  'counter',
  'log',
  'mangle',
  'notrack',
  'set',
  'map',
  'meter',
  'ct helper',
  'comment',
  'masquerade',
  'snat',
  'flow',
  'secmark',
  'last',
  'dup',
])

/** Reads the statements of one rule, in order. */
export function readStatements(statements: readonly Json[], context: RuleContext): ReadRule {
  const conditions: Condition[] = []
  const unknown: string[] = []
  const rules: FilterRule[] = []
  let isForeign = false
  const add = (action: Action, more: readonly Condition[] = []) =>
    rules.push({ conditions: [...conditions, ...more], action, place: context.place, unknown })
  for (const statement of statements) {
    const [kind = '', content = null] = Object.entries(objectOf(statement))[0] ?? []
    const action = actionOf(kind, content)
    if (action !== undefined) add(action)
    else if (kind === 'match') {
      const condition = matchOf(content, context)
      conditions.push(condition ?? unknownCondition)
      if (condition === undefined) unknown.push(nameOf(objectOf(content)['left']))
    } else if (kind === 'vmap') {
      const { key, data } = objectOf(content)
      for (const entry of elementsOf(data, context) ?? [null]) {
        const [value, verdict] = Array.isArray(entry) ? entry : []
        const condition = value === undefined ? undefined : conditionOf(key, [unwrapped(value)])
        if (condition === undefined) unknown.push(`verdict map of ${nameOf(key)}`)
        const [name = '', target = null] = Object.entries(objectOf(verdict))[0] ?? []
        add(actionOf(name, target) ?? { kind: 'unknown' }, [condition ?? unknownCondition])
      }
    } else if (kind === 'xt') {
      isForeign = true
      unknown.push(`iptables ${nameOf(statement)}`)
      if (objectOf(content)['type'] === 'target') add({ kind: 'unknown' })
      else conditions.push(unknownCondition)
    } else if (!HARMLESS.has(kind)) {
      // A limit, a quota: matches some packets and not others.
      unknown.push(kind)
      conditions.push(unknownCondition)
    }
  }
  return { rules, isForeign }
}

function actionOf(kind: string, content: Json): Action | undefined {
  switch (kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return { kind }
    case 'reject':
      return { kind: 'drop' }
    case 'jump':
    case 'goto': {
      const target = objectOf(content)['target']
      return typeof target === 'string' ? { kind, target } : { kind: 'unknown' }
    }
    case 'continue':
      return { kind: 'continue' }
    // To a program, or to another address.
    case 'queue':
    case 'dnat':
    case 'redirect':
    case 'tproxy':
    case 'synproxy':
    case 'fwd':
      return { kind: 'unknown' }
    default:
      return undefined
  }
}

/** A condition; undefined when it is not understood. */
function matchOf(content: Json, context: RuleContext): Condition | undefined {
  const { op = '==', left, right } = objectOf(content)
  const range = op === '<' || op === '>' || op === '<=' || op === '>=' ? openRange(op, right) : right
  if (range === undefined || !['==', '!=', 'in', '<', '>', '<=', '>='].includes(textOf(op))) return undefined
  const elements = elementsOf(range, context)
  if (elements === undefined) return undefined
  const condition = conditionOf(left, elements)
  if (condition === undefined || op !== '!=') return condition
  const implied = impliedOf(left)
  return (packet) => both(implied(packet), not(condition(packet)))
}

function openRange(op: string, right: Json | undefined): Json | undefined {
  if (typeof right !== 'number') return undefined
  switch (op) {
    case '<':
      return { range: [0, right - 1] }
    case '<=':
      return { range: [0, right] }
    case '>':
      return { range: [right + 1, 0xffff] }
    default:
      return { range: [right, 0xffff] }
  }
}

/** The values on the right side of a match; undefined: a set that is not there. */
function elementsOf(right: Json | undefined, { setOf }: RuleContext): readonly Json[] | undefined {
  const elements =
    typeof right === 'string' && right.startsWith('@')
      ? setOf(right.slice(1))
      : Object.hasOwn(objectOf(right), 'set')
        ? listOf(objectOf(right)['set'])
        : listOf(right)
  return elements?.map(unwrapped)
}

/** With a time-out, a counter or a comment, an element is wrapped. */
const unwrapped = (element: Json): Json => objectOf(objectOf(element)['elem'])['val'] ?? element

/** What a packet must be to have the field at all. */
function impliedOf(left: Json | undefined): Condition {
  const { protocol } = objectOf(objectOf(left)['payload'])
  switch (protocol) {
    case 'ip':
      return hasFamily('ipv4')
    case 'ip6':
      return hasFamily('ipv6')
    case 'icmp':
    case 'tcp':
    case 'udp':
      return hasProtocol([protocol])
    case 'icmpv6':
      return hasProtocol(['ipv6-icmp'])
    case 'th':
      return hasProtocol(['tcp', 'udp'])
    default:
      return () => true
  }
}

/** Whether a field has one of some values; undefined when one of them is not understood. */
function conditionOf(left: Json | undefined, values: readonly Json[]): Condition | undefined {
  const { meta, ct, payload } = objectOf(left)
  if (meta !== undefined) return metaCondition(textOf(objectOf(meta)['key']), values)
  if (ct !== undefined)
    return objectOf(ct)['key'] === 'state' && values.every(isText)
      ? hasState(values.filter(isText))
      : undefined
  const { protocol, field } = objectOf(payload)
  const condition = payloadCondition(textOf(protocol), textOf(field), values)
  if (condition === undefined) return undefined
  const implied = impliedOf(left)
  return (packet) => both(implied(packet), condition(packet))
}

function metaCondition(key: string, values: readonly Json[]): Condition | undefined {
  if (!values.every(isText)) return undefined
  const texts = values.filter(isText)
  switch (key) {
    case 'iif':
    case 'iifname':
      return hasInterface('iif', texts)
    case 'oif':
    case 'oifname':
      return hasInterface('oif', texts)
    case 'nfproto':
      return ({ family }) => texts.includes(family)
    case 'protocol':
      return ({ family }) => texts.includes(family === 'ipv4' ? 'ip' : 'ip6')
    case 'l4proto':
      return hasProtocol(texts)
    default:
      return undefined
  }
}

function payloadCondition(protocol: string, field: string, values: readonly Json[]): Condition | undefined {
  switch (`${protocol} ${field}`) {
    case 'ip saddr':
    case 'ip6 saddr':
    case 'ip daddr':
    case 'ip6 daddr': {
      const ranges = allOf(values, addressesOf)
      return ranges && hasAddress(field as 'saddr' | 'daddr', ranges)
    }
    case 'ip protocol':
    case 'ip6 nexthdr':
      return values.every(isText) ? hasProtocol(values.filter(isText)) : undefined
    case 'tcp dport':
    case 'udp dport':
    case 'th dport':
    case 'tcp sport':
    case 'udp sport':
    case 'th sport': {
      const ranges = allOf(values, (value) => numbersOf(value, {}))
      return ranges && hasNumber(field as 'sport' | 'dport', ranges)
    }
    case 'icmp type': {
      const ranges = allOf(values, (value) => numbersOf(value, ICMP_TYPE_NAMES))
      return ranges && hasNumber('icmpType', ranges)
    }
    case 'icmpv6 type': {
      const ranges = allOf(values, (value) => numbersOf(value, ICMPV6_TYPE_NAMES))
      return ranges && hasNumber('icmpType', ranges)
    }
    default:
      return undefined
  }
}

const isText = (value: Json): value is string => typeof value === 'string'

/** All of them, or undefined when one is not understood. */
function allOf<T>(values: readonly Json[], read: (value: Json) => T | undefined): readonly T[] | undefined {
  const all: T[] = []
  for (const value of values) {
    const one = read(value)
    if (one === undefined) return undefined
    all.push(one)
  }
  return all
}

function addressesOf(value: Json): AddressRange | undefined {
  if (isText(value)) return prefixRange(value, value.includes(':') ? 128 : 32)
  const { prefix, range } = objectOf(value)
  if (prefix !== undefined) {
    const { addr, len } = objectOf(prefix)
    return typeof addr === 'string' && typeof len === 'number' ? prefixRange(addr, len) : undefined
  }
  const [from, to] = listOf(range)
  return isText(from ?? null) && isText(to ?? null) ? addressRange(from as string, to as string) : undefined
}

function numbersOf(value: Json, names: Readonly<Record<number, string>>): NumberRange | undefined {
  const { range } = objectOf(value)
  const [first, last] = range === undefined ? [value, value] : listOf(range)
  const [from, to] = [numberOf(first, names), numberOf(last, names)]
  return from === undefined || to === undefined ? undefined : { first: from, last: to }
}

function numberOf(value: Json | undefined, names: Readonly<Record<number, string>>): number | undefined {
  if (typeof value === 'number') return value
  const named = Object.entries(names).find(([, name]) => name === value)
  return named === undefined ? undefined : Number(named[0])
}

/** What something is called, for the reader. */
function nameOf(expression: Json | undefined): string {
  const [kind = '?', content = null] = Object.entries(objectOf(expression))[0] ?? []
  const { key, protocol, field, name } = objectOf(content)
  return [kind === 'payload' || kind === 'xt' ? [] : [kind], key, protocol, field, name]
    .flat()
    .filter((word) => typeof word === 'string')
    .join(' ')
}
