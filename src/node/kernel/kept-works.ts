import { messageOf } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import { Turns } from '../../platform/turns.ts'
import type { Deed } from './journal.ts'
import type { KernelChanges } from './kernel-changes.ts'
import type { KernelEvents } from './kernel-events.ts'
import { Repairs } from './repairs.ts'

/** What is done together, and undone together. */
interface Work {
  readonly deeds: Deed[]
  /** Does what of it is missing. */
  readonly work: () => Promise<void>
  /** By which words of `ip` it is known that something of it went. */
  readonly words: readonly string[]
}

interface KeptWorksInit {
  readonly changes: KernelChanges
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
}

/** Changes of the kernel that can be undone each without the rest; those that are kept are done again when others undo them. */
export class KeptWorks {
  readonly #log: Logger
  readonly #changes: KernelChanges
  readonly #repairs: Repairs
  readonly #losses: LogLimit
  /** What is put back. */
  readonly #kept = new Set<Work>()
  /** One thing follows the other, as the journal has them. */
  readonly #turns = new Turns()

  constructor({ changes, clock, log, events }: KeptWorksInit) {
    this.#log = log
    this.#changes = changes
    this.#losses = new LogLimit(clock)
    this.#repairs = new Repairs({
      ...{ clock, log, events },
      kept: () => new Set([...this.#kept].flatMap(({ words }) => words)),
      repair: () => this.#turns.take(() => this.#repair()),
    })
  }

  /** Does something that stays, in its turn. */
  inTurn<T>(action: () => Promise<T>): Promise<T> {
    return this.#turns.take(action)
  }

  /** Does something until it is disposed of: again when others undo it. @param words see {@link Work.words} */
  async keep(words: readonly string[], work: () => Promise<void>): Promise<AsyncDisposable> {
    const kept: Work = { deeds: [], work, words }
    return this.#undoable(kept, () => this.#kept.add(kept))
  }

  /** Does something until it is disposed of. */
  once(work: () => Promise<void>): Promise<AsyncDisposable> {
    return this.#undoable({ deeds: [], work, words: [] })
  }

  /** Nothing is put back any more. @param last what is done then */
  stop(last: () => Promise<void>): Promise<void> {
    this.#repairs[Symbol.dispose]()
    return this.#turns.take(async () => {
      this.#kept.clear()
      await last()
    })
  }

  #undoable(work: Work, onDone = () => {}): Promise<AsyncDisposable> {
    return this.#turns.take(async () => {
      try {
        await this.#do(work)
      } catch (error) {
        await this.#changes.undo(work.deeds)
        throw error
      }
      onDone()
      const undo = async () => {
        this.#kept.delete(work)
        await this.#changes.undo(work.deeds)
      }
      return { [Symbol.asyncDispose]: () => this.#turns.take(undo) }
    })
  }

  /** @returns whether anything was to be done */
  async #do({ deeds, work }: Work): Promise<boolean> {
    const known = new Set(this.#changes.deeds)
    const before = this.#changes.made
    try {
      await work()
    } finally {
      deeds.push(...this.#changes.deeds.filter((deed) => !known.has(deed)))
    }
    return this.#changes.made > before
  }

  /** Does all of it again: what is there is left as it is. @returns whether nothing failed */
  async #repair(): Promise<boolean> {
    let isWhole = true
    const warn = (kind: string, fields: object, text: string) =>
      this.#losses.write(kind, (omitted) => this.#log.warn({ ...fields, ...omitted }, text))
    for (const kept of this.#kept) {
      const what = kept.words.join(', ')
      try {
        if (await this.#do(kept))
          warn(
            'put back',
            { what },
            'another program has taken an address or a route of the network from this machine: it is put back',
          )
      } catch (error) {
        isWhole = false
        warn(
          'missing',
          { what, reason: messageOf(error) },
          'an address or a route of the network is missing on this machine, and cannot be put back yet',
        )
      }
    }
    return isWhole
  }
}
