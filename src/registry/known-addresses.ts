import { isIP, isIPv6 } from 'node:net'
import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { formatAddressList, type PeerAddress, parseAddressList } from '../core/values/address-list.ts'
import { isInside, type Network, type Prefix, prefixOfBits } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { recordEvent } from './api/history.ts'
import type { Store } from './database/store.ts'
import { filterAsync } from './filter-async.ts'
import type { LocalNode } from './local-node.ts'
import type { ReachableNodes } from './reachable-nodes.ts'

/** What is known of where a node is. */
interface Known {
  addresses: readonly PeerAddress[]
  /** When it last said something, to us or to our node; Unix milliseconds. */
  seenMs: number
  /** When it last answered our node, which had asked it for its addresses. */
  askedMs: number
  /** When our node last asked it, whether it answered or not. */
  triedMs: number
  /** Another address than before, of which the history does not say yet. */
  movedTo: string | undefined
  /** `seenMs` in the database; undefined: what is there is out of date. */
  writtenMs: number | undefined
}

/** What is needed to learn where nodes are. */
export interface KnownAddressesComponents {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly localNode: Pick<LocalNode, 'ask'>
  readonly reachable: ReachableNodes
  readonly network: Network
  /** Whether this prefix has a certificate. */
  readonly isMember: (prefix: string) => Promise<boolean>
}

/** How often nodes are asked, and how many at once: a network of a thousand is asked within an hour. */
const ROUND_MS = 60_000
const FIRST_ROUND_MS = 5_000
const ASKED_AT_ONCE = 16
/** After this, a node is asked again, and the database told again when it was last seen. */
const FRESH_MS = 3600_000
/** Port of a node that was told nothing else; UDP is off unless it is told. */
const USUAL_PORT = 1194
/** Loopback, unspecified and link-local: not where a machine can be reached from elsewhere. */
const NOWHERE = /^(127\.|0\.|169\.254\.|::1?$|fe[89ab])/i

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

  /** Reads what was known when the registry ran last. Nodes that were heard of since are where they were heard. */
  async load(): Promise<void> {
    const { store, isMember } = this.#components
    for (const { prefix, addresses, date } of await store.nodeAddresses())
      if (!this.#known.has(prefixOfBits(prefix)) && (await isMember(prefix)))
        this.#known.set(prefixOfBits(prefix), {
          addresses: parseAddressList(addresses).addresses,
          seenMs: date * 1000,
          askedMs: Number.NEGATIVE_INFINITY,
          triedMs: Number.NEGATIVE_INFINITY,
          movedTo: undefined,
          writtenMs: date * 1000,
        })
  }

  /** A node's certificate was revoked or has expired. One that goes unheard of is forgotten with the next `save`. */
  forget(prefix: Prefix): void {
    const known = this.#known.get(prefix)
    // Where it was is not where the next one is that has this prefix.
    if (known) known.addresses = []
  }

  /** Nodes whose addresses are known, those that were seen last first. */
  list(): { readonly prefix: Prefix; readonly addresses: readonly PeerAddress[] }[] {
    return [...this.#known]
      .filter(([, { addresses }]) => addresses.length > 0)
      .sort(([, one], [, other]) => other.seenMs - one.seenMs)
      .map(([prefix, { addresses }]) => ({ prefix, addresses }))
  }

  /** Where a node was last seen, and when; undefined: it never was. */
  lookUp(
    prefix: Prefix,
  ): { readonly addresses: readonly PeerAddress[]; readonly seenMs: number } | undefined {
    return this.#known.get(prefix)
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
    const isElsewhere =
      isIP(source) !== 0 && !NOWHERE.test(source) && !isInside(this.#components.network, source)
    if (isElsewhere && isGuess(known.addresses)) this.#set(known, guess(source))
  }

  /** Our node asks some of those that it has a route to, whom it has not asked for the longest time. */
  async askInTurn(): Promise<void> {
    const { reachable, localNode, clock, log, isMember } = this.#components
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      const nowMs = clock.monotonicMs()
      const members = await filterAsync(await reachable.list(), isMember)
      const due = members
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
    const { store, log, isMember } = this.#components
    const gone = await filterAsync([...this.#known.keys()], async (prefix) => !(await isMember(prefix)))
    for (const prefix of gone) this.#known.delete(prefix)
    const changed = [...this.#known].filter(
      ([, { addresses, seenMs, writtenMs }]) =>
        addresses.length > 0 && (writtenMs === undefined || seenMs - writtenMs >= FRESH_MS),
    )
    if (gone.length === 0 && changed.length === 0) return
    try {
      await store.write(async (writable) => {
        for (const prefix of gone) await writable.deleteNodeAddress(prefix)
        for (const [prefix, { movedTo }] of changed)
          if (movedTo !== undefined)
            await recordEvent(
              writable,
              prefix,
              { kind: 'moved', detail: movedTo },
              this.#components.clock.now(),
            )
        for (const [prefix, { addresses, seenMs }] of changed)
          await writable.setNodeAddress({
            prefix,
            addresses: formatAddressList(addresses, { withCountry: true }),
            date: Math.floor(seenMs / 1000),
          })
      })
      for (const [, known] of changed) {
        known.writtenMs = known.seenMs
        known.movedTo = undefined
      }
    } catch (error) {
      log.warn({ err: error }, 'where nodes are cannot be written')
    }
  }

  #of(prefix: Prefix): Known {
    let known = this.#known.get(prefix)
    if (!known) {
      known = {
        addresses: [],
        seenMs: 0,
        askedMs: Number.NEGATIVE_INFINITY,
        triedMs: Number.NEGATIVE_INFINITY,
        movedTo: undefined,
        writtenMs: undefined,
      }
      this.#known.set(prefix, known)
    }
    return known
  }

  #set(known: Known, addresses: readonly PeerAddress[]): void {
    const text = (list: readonly PeerAddress[]) => formatAddressList(list, { withCountry: true })
    if (text(known.addresses) === text(addresses)) return
    const [before, after] = [known.addresses[0]?.host, addresses[0]?.host]
    if (before !== undefined && after !== undefined && before !== after) known.movedTo = after
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

const isGuess = (addresses: readonly PeerAddress[]): boolean => {
  const [first] = addresses
  const text = (list: readonly PeerAddress[]) => formatAddressList(list, { withCountry: true })
  return first === undefined || text(addresses) === text(guess(first.host))
}
