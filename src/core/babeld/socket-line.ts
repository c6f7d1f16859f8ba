import { isIPv6 } from 'node:net'
import { INFINITY, isUsable } from '../babel/metric.ts'
import { ok, type Result, refuse } from '../result.ts'

/** What happened to an entry of one of babeld's tables. */
export type Change = 'added' | 'changed' | 'flushed'

/** An interface, as babeld sees it. */
export interface InterfaceEntry {
  readonly iface: string
  readonly up: boolean
  /** Our link-local address on it, while it is up. */
  readonly address: string | undefined
}

/** A neighbour; `id` is unique for as long as this babeld runs. */
export interface NeighbourEntry {
  readonly id: string
  readonly address: string
  readonly iface: string
  /** Which of the last 16 multicast hellos came, the newest in the highest bit. */
  readonly reach: number
  readonly rxcost: number
  readonly txcost: number
  readonly rttMs: number | undefined
  readonly cost: number
}

/** A route; `id` is unique for as long as this babeld runs. */
export interface RouteEntry {
  readonly id: string
  readonly prefix: string
  readonly from: string
  readonly installed: boolean
  readonly routerId: string
  readonly metric: number
  readonly refmetric: number
  readonly via: string
  readonly iface: string
}

/** The bit of `reach` for the newest hello. */
export const NEWEST_HELLO = 0x8000

/** A line of babeld's control socket. */
export type SocketLine =
  /** `ok`: a command was done; `no`: it was not, for this reason; `bad`: it was not understood. */
  | { readonly kind: 'answer'; readonly answer: 'ok' | 'no' | 'bad'; readonly text: string }
  | { readonly kind: 'greeting'; readonly protocol: string }
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'interface'; readonly change: Change; readonly entry: InterfaceEntry }
  | { readonly kind: 'neighbour'; readonly change: Change; readonly entry: NeighbourEntry }
  | { readonly kind: 'route'; readonly change: Change; readonly entry: RouteEntry }
  /** Of no use to us: our host name and router-id, exported routes, whatever a later version adds. */
  | { readonly kind: 'other'; readonly text: string }

const CHANGES: Readonly<Record<string, Change>> = { add: 'added', change: 'changed', flush: 'flushed' }

/** Reads one line, without its end. */
export function parseSocketLine(line: string): Result<SocketLine> {
  const [first = '', second = '', ...rest] = line.split(' ')
  switch (first) {
    case 'ok':
    case 'no':
    case 'bad':
      return ok({ kind: 'answer', answer: first, text: line.slice(first.length).trim() })
    case 'BABEL':
      return ok({ kind: 'greeting', protocol: second })
    case 'version':
      return ok({ kind: 'version', version: second })
  }
  const change = Object.hasOwn(CHANGES, first) ? CHANGES[first] : undefined
  if (change === undefined) return ok({ kind: 'other', text: line })
  const [name = '', ...words] = rest
  const fields = fieldsOf(words)
  const entryOf = <Kind extends string, Entry>(kind: Kind, entry: Entry | undefined) =>
    entry === undefined
      ? refuse(`not a line of babeld: ${JSON.stringify(line)}`)
      : ok({ kind, change, entry } as const)
  switch (second) {
    case 'interface':
      return entryOf(second, interfaceEntry(name, fields))
    case 'neighbour':
      return entryOf(second, neighbourEntry(name, fields))
    case 'route':
      return entryOf(second, routeEntry(name, fields))
    default:
      return ok({ kind: 'other', text: line })
  }
}

/** The rest of a line: names and values in turn. */
type Fields = ReadonlyMap<string, string>

function fieldsOf(words: readonly string[]): Fields {
  const fields = new Map<string, string>()
  for (let at = 0; at + 1 < words.length; at += 2) fields.set(words[at] ?? '', words[at + 1] ?? '')
  return fields
}

function interfaceEntry(iface: string, fields: Fields): InterfaceEntry | undefined {
  const up = fields.get('up')
  if (iface === '' || (up !== 'true' && up !== 'false')) return undefined
  return { iface, up: up === 'true', address: fields.get('ipv6') }
}

function neighbourEntry(id: string, fields: Fields): NeighbourEntry | undefined {
  const address = fields.get('address')
  const iface = fields.get('if')
  const reach = /^[0-9a-f]{4}$/.test(fields.get('reach') ?? '')
    ? Number(`0x${fields.get('reach')}`)
    : undefined
  const [rxcost, txcost, cost] = ['rxcost', 'txcost', 'cost'].map((name) => costOf(fields.get(name)))
  const rtt = fields.get('rtt')
  if (id === '' || !iface || address === undefined || !isIPv6(address)) return undefined
  if (reach === undefined || rxcost === undefined || txcost === undefined || cost === undefined)
    return undefined
  if (rtt !== undefined && !/^\d{1,9}(\.\d{1,9})?$/.test(rtt)) return undefined
  return {
    id,
    address,
    iface,
    reach,
    rxcost,
    txcost,
    rttMs: rtt === undefined ? undefined : Number(rtt),
    cost,
  }
}

function routeEntry(id: string, fields: Fields): RouteEntry | undefined {
  const [prefix, from, via, iface, routerId] = ['prefix', 'from', 'via', 'if', 'id'].map((name) =>
    fields.get(name),
  )
  const [metric, refmetric] = ['metric', 'refmetric'].map((name) => costOf(fields.get(name)))
  const installed = fields.get('installed')
  if (id === '' || !prefix?.includes('/') || !from?.includes('/') || !via || !iface || !routerId)
    return undefined
  if (metric === undefined || refmetric === undefined || (installed !== 'yes' && installed !== 'no'))
    return undefined
  return {
    id,
    prefix,
    from,
    // babeld also "installs" a route of infinite metric, as unreachable, until it has gone everywhere.
    installed: installed === 'yes' && isUsable(metric),
    routerId,
    metric,
    refmetric,
    via,
    iface,
  }
}

function costOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,5}$/.test(text)) return undefined
  return Math.min(Number(text), INFINITY)
}
