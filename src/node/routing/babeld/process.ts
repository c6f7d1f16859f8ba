import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type BabeldPaths, babeldArguments } from '../../../core/babeld/configuration.ts'
import { BabelTables, type TableChange } from '../../../core/babeld/tables.ts'
import { messageOf, Re6stError } from '../../../core/errors.ts'
import type { Result } from '../../../core/result.ts'
import { inBackground } from '../../../platform/background.ts'
import type { Clock } from '../../../platform/clock.ts'
import { keepOutput } from '../../../platform/daemon-output.ts'
import { replaceFileOfThisBoot } from '../../../platform/files.ts'
import type { Logger } from '../../../platform/log.ts'
import { describeEnd, type Processes, type RunningProcess } from '../../../platform/processes.ts'
import { isStarved } from '../../../platform/starvation.ts'
import { type ControlSocket, openControlSocket } from './control-socket.ts'

/** What every babeld of a node has in common. */
export interface BabeldContext {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  readonly runDirectory: string
  /** Where `babeld.log` is written; undefined: nowhere. */
  readonly logDirectory: string | undefined
  /** Where babeld keeps its sequence number. */
  readonly stateDirectory: string
  /** `-B` of the command line. */
  readonly extraArguments: readonly string[]
}

/** From its start to the answer to `monitor` babeld takes 50 ms; a machine that starts everything at once takes longer. */
const START_TIMEOUT_MS = 20_000
/** How often it is asked whether it still answers: it routes on when it does not, but we see nothing any more. */
const HEARTBEAT_MS = 30_000
/** Retracting its routes takes babeld half a second. */
const STOP_GRACE_MS = 5_000
/** How often a conversation is begun anew with a babeld that would run if it were let. */
const MOST_TRIES = 4
/**
 * What babeld 1.12 says while it has something to sign on a link without a link-local address. It tries again at once, ten
 * thousand times a second, and hears nothing meanwhile: a moment of that passes, a second is followed by up to thirty.
 */
const CANNOT_SIGN: ReadonlySet<string> = new Set([
  "Couldn't add HMAC.",
  'add_hmac: no link-local address.',
  'send_pc: no space left to accumulate pc.',
])
const STUCK_MS = 1_000
/** So many of these lines are written down. */
const SHOWN_OF_STUCK = 10
/** From the end of its socket to the news of its death. */
const LAST_WORDS_MS = 200

interface StartInit {
  readonly configuration: string
  readonly helloIntervalMs: number
  /** Called before the first change. */
  readonly onTables: (tables: BabelTables) => void
  readonly onChange: (change: TableChange) => void
  readonly signal: AbortSignal
}

/** One babeld, from its start to its end, with its tables. */
export class BabeldProcess {
  readonly tables = new BabelTables()
  /** Resolves with the reason when it is gone. Never rejects. */
  readonly ended: Promise<string>
  readonly #context: BabeldContext
  readonly #onChange: (change: TableChange) => void
  readonly #running: RunningProcess
  readonly #paths: BabeldPaths
  #control: ControlSocket | undefined
  #heartbeat: Disposable | undefined
  #failure: string | undefined
  /** It has told its tables, and tells what changes. */
  #isHeard = false
  /** A conversation that broke off is being begun anew. */
  #renewal: Promise<void> | undefined
  readonly #signal: AbortSignal
  #lastLine: string | undefined
  /** The lines of one time of trying to sign in vain. */
  #unsigned = { count: 0, sinceMs: 0, lastMs: Number.NEGATIVE_INFINITY }

  /**
   * Starts babeld with the content of its configuration file and reads its tables.
   * @throws Re6stError `DAEMON` when it does not start, `FILE` when there is no space for its configuration; the signal's reason when that is aborted
   */
  static async start(context: BabeldContext, init: StartInit): Promise<BabeldProcess> {
    const paths = pathsOf(context)
    // The file has a key in it: never with the mode of an older one.
    await Promise.all([rm(paths.socket, { force: true }), rm(paths.configuration, { force: true })])
    await replaceFileOfThisBoot(paths.configuration, init.configuration, 0o600).catch((error: unknown) => {
      throw new Re6stError(
        'FILE',
        `${paths.configuration} cannot be written: ${messageOf(error)}; is there space in the directory of --run?`,
        { cause: error },
      )
    })
    if (init.signal.aborted) await rm(paths.configuration, { force: true })
    init.signal.throwIfAborted()
    const babeld = new BabeldProcess(context, paths, init)
    init.onTables(babeld.tables)
    try {
      await babeld.#converse(init.signal)
    } catch (error) {
      await babeld.stop()
      init.signal.throwIfAborted()
      throw error
    }
    return babeld
  }

  private constructor(
    context: BabeldContext,
    paths: BabeldPaths,
    { helloIntervalMs, onChange, signal }: StartInit,
  ) {
    this.#context = context
    this.#paths = paths
    this.#onChange = onChange
    this.#signal = signal
    this.#running = context.processes.start(
      'babeld',
      babeldArguments(paths, helloIntervalMs, context.extraArguments),
      { dieWithParent: true, onLine: (line) => this.#onOutput(line) },
    )
    this.ended = this.#running.ended.then((end) => {
      const why = end.kind === 'exited' && this.#lastLine ? this.#lastLine : describeEnd(end)
      this.#failure ??= `babeld ended: ${why}`
      this.#heartbeat?.[Symbol.dispose]()
      this.#control?.close()
      return this.#failure
    })
  }

  /** Sends a command. Refused when babeld says no or is gone. */
  async command(text: string): Promise<Result<string>> {
    const answer = await this.#send(text)
    if (answer.ok || !this.#renewal) return answer
    // Lost with the conversation, not refused: each command may be said twice.
    await this.#renewal
    return this.#send(text)
  }

  async #send(text: string): Promise<Result<string>> {
    return this.#control?.command(text) ?? { ok: false, reason: 'babeld is not connected' }
  }

  /** Lets babeld retract its routes and end; removes what it left. Idempotent. */
  async stop(): Promise<void> {
    this.#failure ??= 'stopped'
    await this.#running.stop(STOP_GRACE_MS)
    await this.ended
    const { socket, configuration } = this.#paths
    await Promise.all([rm(socket, { force: true }), rm(configuration, { force: true })])
  }

  /** One more line of trying to sign in vain. One that goes on with it for long is ended: its owner starts another. */
  #isShownOfUnsigned(): boolean {
    const nowMs = this.#context.clock.monotonicMs()
    const { lastMs } = this.#unsigned
    if (nowMs - lastMs > STUCK_MS) this.#unsigned = { count: 0, sinceMs: nowMs, lastMs: nowMs }
    this.#unsigned.count++
    this.#unsigned.lastMs = nowMs
    if (nowMs - this.#unsigned.sinceMs >= STUCK_MS && this.#failure === undefined) {
      this.#failure = 'babeld hears nothing while it tries to sign in vain'
      inBackground(this.#context.log, 'ending babeld', this.#running.stop(STOP_GRACE_MS))
    }
    return this.#unsigned.count <= SHOWN_OF_STUCK
  }

  async #converse(signal: AbortSignal): Promise<void> {
    const ended = new AbortController()
    inBackground(
      this.#context.log,
      'the start of babeld',
      this.ended.then(() => ended.abort()),
    )
    const patience = AbortSignal.any([signal, ended.signal, AbortSignal.timeout(START_TIMEOUT_MS)])
    const control = await openControlSocket({
      path: this.#paths.socket,
      clock: this.#context.clock,
      signal: patience,
      onLine: (line) => {
        const change = this.tables.apply(line)
        if (change) this.#onChange(change)
      },
      onEnd: (reason) => this.#onHangUp(reason),
    })
    if (control.ok) this.#control = control.value
    const endRetelling = this.tables.beginRetelling()
    const monitor = control.ok ? await control.value.command('monitor') : control
    signal.throwIfAborted()
    if (ended.signal.aborted) throw new Re6stError('DAEMON', await this.ended)
    if (!monitor.ok) throw new Re6stError('DAEMON', `babeld does not start: ${monitor.reason}`)
    for (const change of endRetelling()) this.#onChange(change)
    this.#isHeard = true
    this.#heartbeat = this.#context.clock.every(HEARTBEAT_MS, () =>
      inBackground(this.#context.log, 'asking babeld', this.command('')),
    )
  }

  /** A conversation that was begun is over. One that could not be begun is for whoever began it. */
  #onHangUp(reason: string): void {
    if (!this.#isHeard) return
    this.#isHeard = false
    this.#heartbeat?.[Symbol.dispose]()
    this.#renewal = this.#renew(reason).finally(() => {
      this.#renewal = undefined
    })
    inBackground(this.#context.log, 'speaking with babeld', this.#renewal)
  }

  /**
   * Begins the conversation anew. babeld ends it when its reader is too slow, as on a loaded machine, and goes on
   * routing: another babeld would cost all routes. One that does not answer either is ended, and its owner starts another.
   */
  async #renew(reason: string): Promise<void> {
    const { clock, log } = this.#context
    // One that dies hangs up too, a moment before we learn how it ended: that is the better reason.
    await Promise.race([this.ended, clock.sleep(LAST_WORDS_MS)])
    for (let tries = 0; this.#failure === undefined; tries++) {
      if (tries > 0 && !(tries < MOST_TRIES && (await isStarved(this.#running.pid)))) {
        this.#failure = reason
        await this.#running.stop(STOP_GRACE_MS)
        return
      }
      log.warn({ reason }, 'the conversation with babeld is begun anew')
      try {
        return await this.#converse(this.#signal)
      } catch (error) {
        log.debug({ err: error }, 'babeld does not converse')
      }
    }
  }

  #onOutput(line: string): void {
    if (CANNOT_SIGN.has(line) && !this.#isShownOfUnsigned()) return
    this.#lastLine = line
    this.#context.log.trace({ text: line }, 'babeld')
    keepOutput(this.#context.logDirectory, 'babeld', line, this.#context.log)
  }
}

const pathsOf = ({ runDirectory, stateDirectory }: BabeldContext): BabeldPaths => ({
  configuration: join(runDirectory, 'babeld.conf'),
  // babeld takes a path that is not absolute for a port.
  socket: resolve(runDirectory, 'babeld.sock'),
  state: join(stateDirectory, 'babeld.state'),
})
