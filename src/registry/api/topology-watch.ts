import { Listeners } from '../../core/listeners.ts'
import { remember } from '../../core/remember.ts'
import { MESSAGE_CODE } from '../../core/session/message-codes.ts'
import { type Prefix, prefixOfBits, prefixOfSubnetName } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { LocalNode } from '../local-node.ts'
import type { ReachableNodes } from '../reachable-nodes.ts'
import { walkTopology } from '../topology.ts'
import type { TopologyChange, TopologyNode, TopologySnapshot, TopologyTunnel } from './schemas/network.ts'
import { timeOf } from './time.ts'

/** What a node says of itself. */
export interface NodeInformation {
  readonly version: string
  readonly platform: string
}

/** What is watched. */
export interface TopologyWatchComponents {
  readonly localNode: Pick<LocalNode, 'ask'>
  readonly reachable: ReachableNodes
  readonly registryPrefix: () => string | undefined
  readonly isMember: (prefix: Prefix) => Promise<boolean>
  /** How each machine is that is to be on the map. */
  readonly nodes: () => AsyncIterable<TopologyNode>
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'after'>
  readonly log: Logger
}

/** While somebody looks, what changes is seen this often. */
const LOOK_MS = 2_500
/** So long a walk through the network is waited for: who does not answer holds it up, and must hold up nothing else. */
const PATIENCE_MS = 1_500
/** What was seen before is good enough for a page for this long. */
const FRESH_MS = 2_000
/** A node is asked for its version so often; how many at once. */
const INFORMATION_MS = 3600_000
const ASKED_AT_ONCE = 32
/** Of so many nodes it is kept what they say of themselves, those that said it last: more machines are no map. */
const MAX_INFORMED = 20_000
/** Longest version, and platform, that is believed. */
const MAX_LENGTH = 100

/**
 * The network as it is now: who is there, and who has tunnels to whom. Looked at only while somebody wants to see it; what
 * differs from the last time is told.
 */
export class TopologyWatch implements Disposable {
  readonly #components: TopologyWatchComponents
  readonly #listeners = new Listeners<TopologyChange>()
  readonly #information = new Map<Prefix, NodeInformation>()
  readonly #askedMs = new Map<Prefix, number>()
  #online: ReadonlySet<Prefix> = new Set()
  #nodes: ReadonlyMap<string, TopologyNode> = new Map()
  #tunnels: ReadonlyMap<string, TopologyTunnel> = new Map()
  #revision = 0
  #atMs = 0
  #lookedMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined
  /** The walk that is under way, and what the last one has found: who has answered, and who has tunnels to whom. */
  #walking: Promise<void> | undefined
  #answered: readonly Prefix[] = []
  #walked: ReadonlyMap<string, TopologyTunnel> = new Map()
  #timer: Disposable | undefined

  constructor(components: TopologyWatchComponents) {
    this.#components = components
  }

  /** Whether there was a route to it when somebody looked last. */
  isOnline(prefix: Prefix): boolean {
    return this.#online.has(prefix)
  }

  /** All to which there was a route then. */
  online(): readonly Prefix[] {
    return [...this.#online]
  }

  information(prefix: Prefix): NodeInformation | undefined {
    return this.#information.get(prefix)
  }

  /** All that have said something of themselves. */
  informed(): Iterable<readonly [Prefix, NodeInformation]> {
    return this.#information
  }

  /** The tunnels of a machine. */
  tunnelsOf(name: string): { readonly peer: string; readonly direction: 'outgoing' | 'incoming' }[] {
    const tunnels = [...this.#tunnels.values()]
    return [
      ...tunnels
        .filter(({ client }) => client === name)
        .map(({ server }) => ({ peer: server, direction: 'outgoing' as const })),
      ...tunnels
        .filter(({ server }) => server === name)
        .map(({ client }) => ({ peer: client, direction: 'incoming' as const })),
    ]
  }

  /** The fewest tunnels from one machine to another, both included; empty if there are none. */
  route(from: string, to: string): string[] {
    const neighbours = new Map<string, string[]>()
    for (const { client, server } of this.#tunnels.values())
      for (const [one, other] of [[client, server] as const, [server, client] as const])
        neighbours.set(one, [...(neighbours.get(one) ?? []), other])
    const before = new Map<string, string | undefined>([[from, undefined]])
    for (const name of before.keys()) {
      if (name === to) break
      for (const next of neighbours.get(name) ?? []) if (!before.has(next)) before.set(next, name)
    }
    const hops: string[] = []
    for (let hop = before.has(to) ? to : undefined; hop !== undefined; hop = before.get(hop))
      hops.unshift(hop)
    return hops
  }

  /** Looks again, unless somebody has just looked. */
  async look(): Promise<void> {
    const { clock } = this.#components
    if (clock.monotonicMs() - this.#lookedMs < FRESH_MS) return
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    await this.#looking
  }

  /** The whole network as it is now. */
  async snapshot(): Promise<TopologySnapshot> {
    await this.look()
    return {
      revision: this.#revision,
      at: timeOf(this.#atMs / 1000),
      nodes: [...this.#nodes.values()],
      tunnels: [...this.#tunnels.values()],
    }
  }

  /** Tells of what changes, until it is disposed of. */
  subscribe(listener: (change: TopologyChange) => void): Disposable {
    this.#timer ??= this.#components.clock.after(LOOK_MS, () => this.#again())
    return this.#listeners.add(listener)
  }

  #again(): void {
    this.#timer = undefined
    if (this.#listeners.size === 0) return
    const { clock, log } = this.#components
    this.look()
      .catch((error: unknown) => log.warn({ err: error }, 'the network cannot be looked at'))
      .finally(() => {
        this.#timer ??= clock.after(LOOK_MS, () => this.#again())
      })
  }

  /** Machines and routes as they are now; tunnels as they were at the end of the last walk, perhaps of this one. */
  async #look(): Promise<void> {
    const { reachable, clock } = this.#components
    const routed = await reachable.list()
    this.#online = new Set([...routed, ...this.#answered])
    await this.#walkedSoon()
    this.#online = new Set([...routed, ...this.#answered])
    this.#lookedMs = clock.monotonicMs()
    await this.#compare(this.#walked)
  }

  async #walkedSoon(): Promise<void> {
    const { clock, log } = this.#components
    this.#walking ??= this.#walk()
      .catch((error: unknown) => log.warn({ err: error }, 'the network cannot be walked through'))
      .finally(() => {
        this.#walking = undefined
      })
    const walking = this.#walking
    await new Promise<void>((resolve) => {
      const timer = clock.after(PATIENCE_MS, resolve)
      walking.then(() => {
        timer[Symbol.dispose]()
        resolve()
      }, resolve)
    })
  }

  async #walk(): Promise<void> {
    const { localNode, registryPrefix, isMember } = this.#components
    const own = registryPrefix()
    const ask = (prefix: Prefix, code: number) => localNode.ask(prefix, code)
    const seen: Record<string, readonly string[]> =
      own === undefined ? {} : await walkTopology(ask, prefixOfBits(own), isMember)
    this.#answered = (seen[''] ?? []).flatMap((name) => {
      const prefix = prefixOfSubnetName(name)
      return prefix.ok ? [prefix.value] : []
    })
    this.#walked = tunnelsOf(seen)
    await this.#askForInformation([...this.#online, ...this.#answered])
  }

  /** Those that were never asked first. */
  async #askForInformation(online: readonly Prefix[]): Promise<void> {
    const { localNode, clock } = this.#components
    const nowMs = clock.monotonicMs()
    const due = [...new Set(online)]
      .filter((prefix) => nowMs - (this.#askedMs.get(prefix) ?? Number.NEGATIVE_INFINITY) >= INFORMATION_MS)
      .slice(0, ASKED_AT_ONCE)
    for (const prefix of this.#askedMs.keys())
      if (!this.#online.has(prefix)) {
        // It may come back with another version.
        this.#askedMs.delete(prefix)
      }
    await Promise.all(
      due.map(async (prefix) => {
        this.#askedMs.set(prefix, nowMs)
        const answer = await localNode.ask(prefix, MESSAGE_CODE.nodeInformation)
        if (answer !== undefined) remember(this.#information, prefix, informationOf(answer), MAX_INFORMED)
      }),
    )
  }

  async #compare(tunnels: ReadonlyMap<string, TopologyTunnel>): Promise<void> {
    const nodes = new Map<string, TopologyNode>()
    for await (const node of this.#components.nodes()) nodes.set(node.name, node)
    const change = {
      nodes: [...nodes.values()].filter(
        (node) => JSON.stringify(node) !== JSON.stringify(this.#nodes.get(node.name)),
      ),
      gone: [...this.#nodes.keys()].filter((name) => !nodes.has(name)),
      tunnelsMade: [...tunnels].flatMap(([key, tunnel]) => (this.#tunnels.has(key) ? [] : [tunnel])),
      tunnelsEnded: [...this.#tunnels].flatMap(([key, tunnel]) => (tunnels.has(key) ? [] : [tunnel])),
    }
    this.#atMs = this.#components.clock.now()
    if (Object.values(change).every((list) => list.length === 0)) return
    this.#nodes = nodes
    this.#tunnels = tunnels
    this.#revision += 1
    this.#listeners.tell({ revision: this.#revision, at: timeOf(this.#atMs / 1000), ...change })
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#listeners.clear()
  }
}

function tunnelsOf(seen: Readonly<Record<string, readonly string[]>>): Map<string, TopologyTunnel> {
  return new Map(
    Object.entries(seen).flatMap(([client, servers]) =>
      client === '' ? [] : servers.map((server) => [`${client} ${server}`, { client, server }] as const),
    ),
  )
}

/** `version, platform`, of which any node may say anything. */
export function informationOf(answer: Buffer): NodeInformation {
  const text = answer.toString('utf8').replace(/[\p{C}\u2028\u2029]/gu, '')
  const [version = '', ...platform] = text.split(',')
  return {
    version: version.trim().slice(0, MAX_LENGTH),
    platform: platform.join(',').trim().slice(0, MAX_LENGTH),
  }
}
