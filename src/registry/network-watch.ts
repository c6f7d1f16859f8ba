import { DAY_MS } from '../core/day.ts'
import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { type Prefix, subnetNameOfBits } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'
import type { Followers } from './followers.ts'
import type { Holder } from './holders.ts'
import type { LocalNode } from './local-node.ts'
import { noticeOf, setNotice } from './operator-notices.ts'
import type { Decide } from './webhooks.ts'

/** What is watched, and who hears of it. */
export interface NetworkWatchComponents {
  readonly store: Pick<Store, 'all' | 'isShared' | 'commonTimeMs'>
  readonly reachable: { list(): Promise<readonly Prefix[]> }
  readonly localNode: Pick<LocalNode, 'ask'>
  readonly ownNode: () => Prefix | undefined
  /** Certificates that end after one time and by another. */
  readonly ending: (afterMs: number, untilMs: number) => AsyncIterable<Holder>
  readonly followers: Pick<Followers, 'behind'>
  readonly tell: (decide: Decide) => Promise<boolean>
  readonly clock: Clock
  readonly log: Logger
}

const ROUND_MS = 60_000
/** Our own node does not answer for so many rounds: it is gone, not restarted. */
const SILENT_ROUNDS = 3
/** So many rounds are looked back, in which so many nodes must have gone, and such a part of all. */
const ROUNDS_BACK = 5
const MANY = 3
const MANY_OF_ALL = 0.2
const ENDING_MS = 7 * DAY_MS
/** Clocks of servers of the database may differ so much; what is told of until later was written by one that was ahead. */
const SKEW_MS = DAY_MS

const namesOf = (prefixes: Iterable<string>): string[] => [...prefixes].map(subnetNameOfBits)

/**
 * Watches what an operator wants to hear of, once a minute. Each of several processes does: what one of them sees is told once, whoever
 * sees it first and whoever dies then, because the database has what was told. It is told again only after it was well.
 */
export class NetworkWatch implements Disposable {
  readonly #components: NetworkWatchComponents
  readonly #timer: Disposable
  #silentRounds = 0
  /** Of our own node, to any process, when it was last looked. */
  #answers = 0
  /** Who was there in the last rounds. */
  #rounds: ReadonlySet<string>[] = []

  constructor(components: NetworkWatchComponents) {
    this.#components = components
    const { clock, log } = components
    this.#timer = clock.every(ROUND_MS, () => inBackground(log, 'watching the network', this.#round()))
  }

  /** The keys have gone on to the next step: who has not followed the one before is left behind. */
  async keysRotated(): Promise<void> {
    const { store, followers, reachable, tell } = this.#components
    const before = await noticeOf(store, 'keys.left_behind')
    if (!before) return
    const there = await reachable.list()
    // Without our own node, nobody is seen: another process, or we later, see more.
    if (there.length === 0) return
    const version = Buffer.from(before.version, 'hex')
    const behind = await followers.behind(there, version)
    await tell(async (writable) => {
      if ((await noticeOf(writable, 'keys.left_behind'))?.version !== before.version) return undefined
      await setNotice(writable, 'keys.left_behind', undefined)
      return behind.length > 0 ? { event: 'keys.left_behind', nodes: namesOf(behind) } : undefined
    })
  }

  async #round(): Promise<void> {
    await this.#lookAtCertificates()
    await this.keysRotated()
    // Without our own node, nobody can be seen: that is one event, not two.
    if (await this.#isOwnNodeThere())
      await this.#lookAtNodes(new Set(await this.#components.reachable.list()))
  }

  async #isOwnNodeThere(): Promise<boolean> {
    const { localNode, ownNode, store } = this.#components
    const own = ownNode()
    if (own === undefined) return false
    const isThere = (await localNode.ask(own, MESSAGE_CODE.nodeInformation)) !== undefined
    const { isGone = false, answers = 0 } = (await noticeOf(store, 'registry_node')) ?? {}
    // It may have answered another process, on its own machine.
    const isHeard = isThere || answers !== this.#answers
    this.#answers = answers
    this.#silentRounds = isHeard ? 0 : this.#silentRounds + 1
    if (!isThere) this.#rounds = []
    if (isThere && (isGone || store.isShared)) await this.#tellOfOwnNode(own, false)
    else if (this.#silentRounds >= SILENT_ROUNDS && !isGone) await this.#tellOfOwnNode(own, true)
    return isThere
  }

  async #tellOfOwnNode(own: Prefix, isGone: boolean): Promise<void> {
    await this.#components.tell(async (writable) => {
      const before = (await noticeOf(writable, 'registry_node')) ?? { isGone: false, answers: 0 }
      if (isGone && (before.isGone || before.answers !== this.#answers)) return undefined
      const answers = isGone ? before.answers : before.answers + 1
      await setNotice(writable, 'registry_node', { isGone, answers })
      if (before.isGone === isGone) return undefined
      return { event: isGone ? 'registry_node.gone' : 'registry_node.back', nodes: namesOf([own]) }
    })
  }

  async #lookAtNodes(there: ReadonlySet<string>): Promise<void> {
    const { store, tell } = this.#components
    const before = new Set(this.#rounds.flatMap((round) => [...round]))
    const gone = [...before].filter((prefix) => !there.has(prefix))
    const many = Math.max(MANY, MANY_OF_ALL * before.size)
    const told = (await noticeOf(store, 'nodes.gone')) ?? []
    const isMuchGone = gone.length >= many
    if (isMuchGone || told.some((prefix) => there.has(prefix)))
      await tell(async (writable) => {
        const stillGone = ((await noticeOf(writable, 'nodes.gone')) ?? []).filter(
          (prefix) => !there.has(prefix),
        )
        const news = gone.filter((prefix) => !stillGone.includes(prefix))
        const isTold = isMuchGone && news.length >= many
        const told = isTold ? [...stillGone, ...news] : stillGone
        await setNotice(writable, 'nodes.gone', told.length > 0 ? told : undefined)
        return isTold ? { event: 'nodes.gone', nodes: namesOf(news) } : undefined
      })
    this.#rounds = [...(isMuchGone ? [] : this.#rounds.slice(1 - ROUNDS_BACK)), there]
  }

  async #lookAtCertificates(): Promise<void> {
    const { ending, clock, store, tell } = this.#components
    const nowMs = await store.commonTimeMs(clock)
    const untilMs = nowMs + ENDING_MS
    const isTold = (told: Told, { notAfterMs, serial }: Holder): boolean =>
      told !== undefined &&
      told.untilMs <= untilMs + SKEW_MS &&
      notAfterMs <= told.untilMs &&
      serial <= told.serial
    const before = await noticeOf(store, 'certificates.ending')
    let serial = 0
    const found: Holder[] = []
    for await (const holder of ending(nowMs, untilMs)) {
      if (!isTold(before, holder)) found.push(holder)
      serial = Math.max(serial, holder.serial)
    }
    if (found.length === 0) return
    await tell(async (writable) => {
      const told = await noticeOf(writable, 'certificates.ending')
      const untold = found.filter((holder) => !isTold(told, holder))
      if (untold.length === 0) return undefined
      await setNotice(writable, 'certificates.ending', {
        untilMs,
        serial: Math.max(serial, told?.serial ?? 0),
      })
      return { event: 'certificates.ending', nodes: namesOf(untold.map(({ prefix }) => prefix)) }
    })
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }
}

type Told = Awaited<ReturnType<typeof noticeOf<'certificates.ending'>>>
