import { type BabeldConfiguration, configurationFile } from '../../../core/babeld/configuration.ts'
import type { BabelTables, TableChange } from '../../../core/babeld/tables.ts'
import { checkBabeldVersion } from '../../../core/babeld/version.ts'
import { messageOf, Re6stError } from '../../../core/errors.ts'
import { RestartPauses } from '../../../platform/back-off.ts'
import type { ConditionWatch } from '../condition-watch.ts'
import { type BabeldContext, BabeldProcess } from './process.ts'

/** What each babeld is started with, and who hears of its life. */
interface SupervisorInit {
  readonly context: BabeldContext
  readonly conditions: ConditionWatch
  /** Aborted when no babeld is to run any more. */
  readonly signal: AbortSignal
  readonly configuration: () => BabeldConfiguration
  readonly helloIntervalMs: () => number
  /** Called before each start. */
  readonly prepare: () => Promise<void>
  /** Called before the first change. */
  readonly onTables: (tables: BabelTables) => void
  readonly onChange: (change: TableChange) => void
  /** It answers, and has read this configuration. What has changed meanwhile has to be said to it. */
  readonly onStarted: (configuration: BabeldConfiguration) => Promise<void>
  /** It is gone; what it knew counts no more. */
  readonly onEnded: () => void
}

/** Before babeld is started again: the first one at once, for all routes are gone meanwhile. */
const RESTART_PAUSES = { minMs: 500, maxMs: 30_000, ranWellMs: 60_000, isFirstAtOnce: true }

/** Has a babeld run: starts it anew whenever it ends. */
export class BabeldSupervisor {
  readonly #init: SupervisorInit
  #babeld: BabeldProcess | undefined
  #supervision: Promise<void> | undefined
  #replacing = false

  constructor(init: SupervisorInit) {
    this.#init = init
  }

  /** The tables of the babeld that runs at the moment, if one does. */
  get tables(): BabelTables | undefined {
    return this.#babeld?.tables
  }

  /** @throws Re6stError `DAEMON` when babeld is missing or too old */
  async checkVersion(signal: AbortSignal): Promise<void> {
    let printed: string
    try {
      const { stdout, stderr } = await this.#init.context.processes.run('babeld', ['-V'], { signal })
      printed = stdout + stderr
    } catch (error) {
      signal.throwIfAborted()
      throw new Re6stError('DAEMON', `babeld cannot be run, is it installed? ${messageOf(error)}`, {
        cause: error,
      })
    }
    const version = checkBabeldVersion(printed)
    if (!version.ok) throw new Re6stError('DAEMON', version.reason)
  }

  /** @throws Re6stError `DAEMON` when babeld does not start */
  async start(signal: AbortSignal): Promise<void> {
    await this.#launch(signal)
    this.#supervision = this.#supervise()
  }

  /** Ends babeld and waits for the next one: all routes are lost for a while. */
  async replace(): Promise<void> {
    const old = this.#babeld
    if (!old) return // the next one, which is about to be started, has the new configuration
    this.#replacing = true
    await old.stop()
    await this.#init.conditions.until(
      () => this.#babeld !== undefined && this.#babeld !== old,
      Number.POSITIVE_INFINITY,
    )
  }

  /** Sends a command that must succeed. While no babeld runs nothing is lost: the next one gets it all at its start. */
  async command(text: string): Promise<void> {
    const babeld = this.#babeld
    const answer = await babeld?.command(text)
    if (answer && !answer.ok && this.#babeld === babeld) {
      const what = text.split(' ', 2).join(' ')
      this.#init.context.log.warn({ reason: answer.reason }, `babeld refuses "${what}"`)
    }
  }

  /** Ends babeld, once the signal is aborted. */
  async stop(): Promise<void> {
    await this.#babeld?.stop()
    await this.#supervision
  }

  async #launch(signal: AbortSignal): Promise<void> {
    const { context, conditions, helloIntervalMs, onTables, onChange, onStarted } = this.#init
    await this.#init.prepare()
    const configuration = this.#init.configuration()
    this.#babeld = await BabeldProcess.start(context, {
      configuration: configurationFile(configuration),
      helloIntervalMs: helloIntervalMs(),
      onTables,
      onChange,
      signal: AbortSignal.any([signal, this.#init.signal]),
    })
    const told = onStarted(configuration)
    conditions.look()
    await told
  }

  /** Starts babeld again whenever it ends, until the signal is aborted. */
  async #supervise(): Promise<void> {
    const { context, signal, onEnded } = this.#init
    const { clock, log } = context
    const pauses = new RestartPauses(clock, RESTART_PAUSES)
    for (;;) {
      const ended = this.#babeld
      const reason = await ended?.ended
      this.#babeld = undefined
      onEnded()
      // One that died by itself has left its files. They are no reason not to start another.
      await ended?.stop().catch((error: unknown) => log.debug({ err: error }, 'files of babeld stay'))
      if (signal.aborted) return
      pauses.ended(this.#replacing)
      if (!this.#replacing) log.warn({ reason }, 'babeld is gone and is started again')
      this.#replacing = false
      try {
        await pauses.wait(signal)
        signal.throwIfAborted()
        await this.#launch(signal)
      } catch (error) {
        if (signal.aborted) return
        log.error({ reason: messageOf(error) }, 'babeld does not start')
      }
    }
  }
}
