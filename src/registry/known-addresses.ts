import { isIPv6 } from 'node:net'
import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { addressKind } from '../core/values/address-kind.ts'
import { formatAddressList, type PeerAddress, parseAddressList } from '../core/values/address-list.ts'
import { isInside, type Network, type Prefix, prefixOfBits } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { recordEvent } from './api/history.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import type { NodeAddressRow } from './database/tables.ts'
import type { LocalNode } from './local-node.ts'
import type { ReachableNodes } from './reachable-nodes.ts'

/** What is known of where a node is. */
interface Known {
  addresses: readonly PeerAddress[]
  /** When it last said something, to us or to our node; Unix milliseconds. */
  seenMs: number
  /** When it last answered our node, which had asked it for its addresses; by the clock that never jumps. */
  askedMs: number
  /** When our node last asked it, whether it answered or not; by that clock. */
  triedMs: number
  /** Whether what the database has of it is taken into account here. */
  isRead: boolean
  /** `seenMs` in the database; undefined: what is there is out of date. */
  writtenMs: number | undefined
}

/** Where a node was last seen, and when, in Unix milliseconds. */
export interface Seen {
  readonly addresses: readonly PeerAddress[]
  readonly seenMs: number
}

/** What is needed to learn where nodes are. */
export interface KnownAddressesComponents {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly localNode: Pick<LocalNode, 'ask'>
  readonly reachable: ReachableNodes
  readonly network: Network
  /** Those of them that have a certificate. */
  readonly members: (prefixes: readonly Prefix[]) => Promise<ReadonlySet<Prefix>>
}

/** So many are kept in memory, those that were heard of last: of the others the database knows. */
const MAX_KEPT = 10_000

/** How often nodes are asked, and how many at once: a network of a thousand is asked within an hour. */
const ROUND_MS = 60_000
const FIRST_ROUND_MS = 5_000
const ASKED_AT_ONCE = 16
/** After this, a node is asked again, and the database told again when it was last seen. */
const FRESH_MS = 3600_000
/** Port of a node that was told nothing else; UDP is off unless it is told. */
const USUAL_PORT = 1194

/**
 * Where the nodes of the network were last seen, kept in the database: with it, the registry can still propose peers when
 * its own node, which it asks otherwise, is gone. Learnt from what nodes answer to that node, which is asked about all in
 * turn, as long as it is there; of one that never answered, the address from which it called is all that is known.
 */
export class KnownAddresses implements Disposable {
  readonly #components: KnownAddressesComponents
  readonly #known = new Map<Prefix, Known>()
  readonly #timers: Disposable[]
  #isAsking = false

  constructor(components: KnownAddressesComponents) {
    this.#components = components
    const { clock, log } = components
    const round = () => {
      this.askInTurn()
        .then(() => this.save())
        .catch((error: unknown) => log.warn({ err: error }, 'where nodes are cannot be learnt'))
    }
    this.#timers = [clock.after(FIRST_ROUND_MS, round), clock.every(ROUND_MS, round)]
  }

  /** Reads who was seen last when the registry ran last. Nodes that were heard of since are where they were heard. */
  async load(): Promise<void> {
    const { store, members } = this.#components
    const rows = await store.latestNodeAddresses(MAX_KEPT)
    const known = await members(rows.map(({ prefix }) => prefixOfBits(prefix)))
    for (const row of rows) {
      const prefix = prefixOfBits(row.prefix)
      if (this.#known.has(prefix) || !known.has(prefix)) continue
      const { addresses, seenMs } = seenOf(row)
      Object.assign(this.#of(prefix), { addresses, seenMs, writtenMs: seenMs, isRead: true })
    }
  }

  /** A prefix is free, and the database knows it: where its machine was is not where the next one is that has it. */
  forget(prefix: Prefix): void {
    this.#known.delete(prefix)
  }

  /** Nodes whose addresses are known, those that were seen last first. */
  list(): { readonly prefix: Prefix; readonly addresses: readonly PeerAddress[] }[] {
    return [...this.#known]
      .filter(([, { addresses }]) => addresses.length > 0)
      .sort(([, one], [, other]) => other.seenMs - one.seenMs)
      .map(([prefix, { addresses }]) => ({ prefix, addresses }))
  }

  /** Where nodes were last seen, and when; those that never were are not among them. */
  async lookUp(prefixes: readonly Prefix[]): Promise<ReadonlyMap<Prefix, Seen>> {
    const seen = new Map<Prefix, Seen>()
    const others: Prefix[] = []
    for (const prefix of prefixes) {
      const known = this.#known.get(prefix)
      if (known?.isRead) seen.set(prefix, known)
      else others.push(prefix)
    }
    const rows = await this.#components.store.allIn<NodeAddressRow>(
      'SELECT * FROM node_address WHERE prefix IN ?',
      others,
    )
    for (const row of rows) seen.set(prefixOfBits(row.prefix), seenOf(row))
    for (const prefix of others) {
      const known = this.#known.get(prefix)
      if (known && known.seenMs > 0) seen.set(prefix, merged(known, seen.get(prefix)))
    }
    return seen
  }

  /**
   * Those of whom the database does not have when they were last seen; `isPerhapsNew`: perhaps it does not know either that they ever were.
   */
  unwritten(): readonly {
    readonly prefix: Prefix
    readonly seenMs: number
    readonly isPerhapsNew: boolean
  }[] {
    return [...this.#known].flatMap(([prefix, { seenMs, writtenMs, addresses }]) => {
      // Of who has no address nothing is written.
      const isPerhapsNew = writtenMs === undefined || addresses.length === 0
      const isWritten = !isPerhapsNew && Math.floor(seenMs / 1000) === Math.floor(writtenMs / 1000)
      return seenMs === 0 || isWritten ? [] : [{ prefix, seenMs, isPerhapsNew }]
    })
  }

  /** How many were ever seen. */
  async count(): Promise<number> {
    const { store } = this.#components
    const unwritten = this.unwritten().flatMap(({ prefix, isPerhapsNew }) => (isPerhapsNew ? [prefix] : []))
    const known = await store.allIn('SELECT prefix FROM node_address WHERE prefix IN ?', unwritten)
    return (await store.countNodeAddresses()) + unwritten.length - known.length
  }

  /** A node said where it is. */
  learn(prefix: Prefix, addresses: readonly PeerAddress[]): void {
    if (addresses.length === 0) return
    const known = this.#of(prefix)
    known.seenMs = this.#components.clock.now()
    this.#set(known, addresses)
  }

  /** A node called the registry from this address. */
  heardFrom(prefix: Prefix, source: string): void {
    const known = this.#of(prefix)
    known.seenMs = this.#components.clock.now()
    const kind = addressKind(source)
    const isElsewhere =
      kind !== undefined && kind !== 'special' && !isInside(this.#components.network, source)
    if (isElsewhere && isGuess(known.addresses)) this.#set(known, guess(source))
  }

  /** Our node asks some of those that it has a route to, whom it has not asked for the longest time. */
  async askInTurn(): Promise<void> {
    const { reachable, localNode, clock, log, members } = this.#components
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      const nowMs = clock.monotonicMs()
      const due = [...(await members(await reachable.list()))]
        .map((prefix) => ({ prefix, known: this.#of(prefix) }))
        .filter(({ known }) => nowMs - known.askedMs >= FRESH_MS)
        .sort((one, other) => one.known.triedMs - other.known.triedMs)
        .slice(0, ASKED_AT_ONCE)
      await Promise.all(
        due.map(async ({ prefix, known }) => {
          known.triedMs = nowMs
          const answer = await localNode.ask(prefix, MESSAGE_CODE.addresses)
          // One that does not answer is asked again soon, but after all others: many of them hold up nobody.
          if (answer === undefined) return
          known.askedMs = nowMs
          this.learn(prefix, parseAddressList(answer.toString('utf8')).addresses)
        }),
      )
    } catch (error) {
      log.debug({ err: error }, 'the routes of the network cannot be read')
    } finally {
      this.#isAsking = false
    }
  }

  /** Writes what has changed; who has no certificate any more is forgotten. */
  async save(): Promise<void> {
    const { store, log, members } = this.#components
    const prefixes = [...this.#known.keys()]
    const present = await members(prefixes)
    const gone = prefixes.filter((prefix) => !present.has(prefix))
    for (const prefix of gone) this.#known.delete(prefix)
    const changed = [...this.#known]
      .filter(
        ([, { seenMs, writtenMs }]) =>
          seenMs > 0 && (writtenMs === undefined || seenMs - writtenMs >= FRESH_MS),
      )
      .map(([prefix, known]) => ({ prefix, known, said: { ...known } }))
    if (gone.length > 0 || changed.length > 0)
      try {
        const written = await store.write(
          async (writable) => {
            for (const prefix of gone) await writable.deleteNodeAddress(prefix)
            const written: Seen[] = []
            for (const { prefix, said } of changed) written.push(await this.#write(writable, prefix, said))
            return written
          },
          { isExpendable: true },
        )
        for (const [index, { known, said }] of changed.entries()) {
          // Who has said something meanwhile has said it of itself.
          if (known.addresses === said.addresses) {
            known.addresses = written[index]?.addresses ?? said.addresses
            known.writtenMs = said.seenMs
          }
          known.isRead = true
        }
      } catch (error) {
        log.warn({ err: error }, 'where nodes are cannot be written')
      }
    this.#forgetOldest()
  }

  /** @returns what is written: that it was seen, of one whose addresses nobody knows, is not */
  async #write(writable: Queries, prefix: Prefix, said: Known): Promise<Seen> {
    const row = await writable.nodeAddress(prefix)
    const before = row && seenOf(row)
    const now = said.isRead ? said : merged(said, before)
    if (now.addresses.length === 0) return now
    const [was, is] = [before?.addresses[0]?.host, now.addresses[0]?.host]
    if (was !== undefined && is !== undefined && was !== is)
      await recordEvent(writable, prefix, { kind: 'moved', detail: is }, this.#components.clock.now())
    await writable.setNodeAddress({
      prefix,
      addresses: formatAddressList(now.addresses, { withCountry: true }),
      date: Math.floor(now.seenMs / 1000),
    })
    return now
  }

  /** Of these the database knows. */
  #forgetOldest(): void {
    const tooMany = this.#known.size - MAX_KEPT
    if (tooMany <= 0) return
    const oldest = [...this.#known]
      .filter(([, { writtenMs, seenMs }]) => writtenMs !== undefined || seenMs === 0)
      .sort(([, one], [, other]) => one.seenMs - other.seenMs)
    for (const [prefix] of oldest.slice(0, tooMany)) this.#known.delete(prefix)
  }

  #of(prefix: Prefix): Known {
    let known = this.#known.get(prefix)
    if (!known) {
      known = {
        addresses: [],
        seenMs: 0,
        askedMs: Number.NEGATIVE_INFINITY,
        triedMs: Number.NEGATIVE_INFINITY,
        isRead: false,
        writtenMs: undefined,
      }
      this.#known.set(prefix, known)
    }
    return known
  }

  #set(known: Known, addresses: readonly PeerAddress[]): void {
    const text = (list: readonly PeerAddress[]) => formatAddressList(list, { withCountry: true })
    if (text(known.addresses) === text(addresses)) return
    known.addresses = addresses
    known.writtenMs = undefined
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]()
  }
}

/** How a node at this address can be reached, if nobody has changed its port. */
function guess(host: string): readonly PeerAddress[] {
  const [tcp, udp] = isIPv6(host) ? (['tcp6', 'udp6'] as const) : (['tcp', 'udp'] as const)
  return [tcp, udp].map((protocol) => ({ host, port: USUAL_PORT, protocol, country: undefined }))
}

const seenOf = ({ addresses, date }: NodeAddressRow): Seen => ({
  addresses: parseAddressList(addresses).addresses,
  seenMs: date * 1000,
})

/** What a node has said itself, of which the database knows, is better than where it has called from since. */
const merged = (said: Seen, before: Seen | undefined): Seen => ({
  addresses:
    before && (said.addresses.length === 0 || (isGuess(said.addresses) && !isGuess(before.addresses)))
      ? before.addresses
      : said.addresses,
  seenMs: said.seenMs,
})

const isGuess = (addresses: readonly PeerAddress[]): boolean => {
  const [first] = addresses
  const text = (list: readonly PeerAddress[]) => formatAddressList(list, { withCountry: true })
  return first === undefined || text(addresses) === text(guess(first.host))
}
