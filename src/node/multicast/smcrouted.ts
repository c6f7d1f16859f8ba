import { rm } from 'node:fs/promises'
import { messageOf } from '../../core/errors.ts'
import {
  isOccupiedLine,
  isReadyLine,
  isRefusalLine,
  type SmcroutePaths,
  smcrouteArguments,
  smcroutePaths,
} from '../../core/multicast/smcroute.ts'
import { RestartPauses } from '../../platform/back-off.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import { replaceFileOfThisBoot } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'
import { describeEnd, type Processes, type RunningProcess } from '../../platform/processes.ts'

/** What a daemon needs of its surroundings. */
export interface SmcroutedContext {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  readonly runDirectory: string
}

/** Before it is started again. */
const RESTART_PAUSES = { minMs: 500, maxMs: 60_000, ranWellMs: 60_000 }
/** Its configuration is read in some milliseconds. */
const READY_MS = 10_000

/**
 * smcrouted, which puts multicast routes into the kernel: started, given its configuration, and started again when it
 * dies. A machine without it goes on without multicast.
 */
export class Smcrouted implements AsyncDisposable {
  readonly #context: SmcroutedContext
  readonly #paths: SmcroutePaths
  readonly #stopped = new AbortController()
  readonly #supervision: Promise<void>
  #wanted: string
  #applied: string | undefined
  #running: RunningProcess | undefined
  #wake: () => void = () => {}
  #appliedMs: number | undefined
  #isOccupied = false
  #trouble: string | undefined = 'smcrouted is being started'
  /** Said once, until it has run well. */
  readonly #complaints = new Set<string>()

  /** Starts it with the content of its configuration file. */
  constructor(context: SmcroutedContext, configuration: string) {
    this.#context = context
    this.#paths = smcroutePaths(context.runDirectory)
    this.#wanted = configuration
    this.#supervision = this.#supervise()
  }

  /** Lets it do what a configuration says, without a packet lost on routes that stay. */
  configure(configuration: string): void {
    if (configuration === this.#wanted) return
    this.#wanted = configuration
    this.#wake()
  }

  /** Since when it does what it was told last, as monotonic time; undefined: it does not, yet. */
  get settledSinceMs(): number | undefined {
    return this.#applied === this.#wanted ? this.#appliedMs : undefined
  }

  /** Why nothing is routed; undefined: what the configuration says is done. */
  get trouble(): string | undefined {
    return this.#trouble
  }

  /** Ends it, to be started again. */
  restart(reason: string): void {
    this.#complain('error', this.#isOccupied ? OCCUPIED : reason)
    this.#running?.signal('SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort(new Error('multicast is stopped'))
    this.#wake()
    await this.#supervision
    await this.#removeFiles()
  }

  async #supervise(): Promise<void> {
    const { signal } = this.#stopped
    const pauses = new RestartPauses(this.#context.clock, RESTART_PAUSES)
    while (!signal.aborted) {
      try {
        // What it writes when it is missing does not depend on who runs it.
        await this.#context.processes.run('smcrouted', ['-v'], { signal })
        await this.#run()
      } catch (error) {
        if (signal.aborted) return
        this.#trouble = smcroutedFailure(messageOf(error))
        this.#complain('error', this.#trouble)
      }
      this.#applied = undefined
      if (pauses.ended()) this.#complaints.clear()
      await pauses.wait(signal)
    }
  }

  /** From its start to its end. */
  async #run(): Promise<void> {
    const { processes, log } = this.#context
    await this.#removeFiles()
    this.#isOccupied = false
    let isReady = false
    let isRefused = false
    let end: string | undefined
    await this.#write()
    const running = processes.start('smcrouted', smcrouteArguments(this.#paths), {
      dieWithParent: true,
      onLine: (line) => {
        log.debug({ text: line }, 'smcrouted')
        // It goes on all the same, and would seem to route on what the other one does.
        if (isOccupiedLine(line)) this.#isOccupied = true
        if (isRefusalLine(line) && this.#isOccupied) {
          isRefused = true
          this.#complain('error', OCCUPIED)
        }
        if (!isReadyLine(line)) return
        isReady = true
        this.#trouble = isRefused ? OCCUPIED : undefined
        this.#wake()
      },
    })
    this.#running = running
    const over = running.ended.then((how) => {
      end = describeEnd(how)
      this.#wake()
    })
    inBackground(log, 'watching smcrouted', over)
    const { signal } = this.#stopped
    // It must not be told anything before it is ready: it would die of a HUP.
    while (await this.#until(() => end !== undefined || isReady || signal.aborted, READY_MS)) {
      if (end !== undefined || signal.aborted) break
      this.#appliedMs = this.#context.clock.monotonicMs()
      const inFile = this.#applied
      await this.#until(() => end !== undefined || signal.aborted || this.#wanted !== inFile)
      if (end !== undefined || signal.aborted) break
      isReady = false
      isRefused = false
      await this.#write()
      running.signal('SIGHUP')
    }
    const why = end ?? 'it did not answer'
    this.#running = undefined
    await running.stop()
    this.#trouble = isRefused ? OCCUPIED : `smcrouted ended (${why}) and is started again`
    if (!signal.aborted) this.#complain('warn', `smcrouted ended (${why}) and is started again`)
  }

  /** Waits for a condition, looked at whenever something happens. False: it took too long. */
  async #until(condition: () => boolean, limitMs?: number): Promise<boolean> {
    let isLate = false
    using _ =
      limitMs === undefined
        ? undefined
        : this.#context.clock.after(limitMs, () => {
            isLate = true
            this.#wake()
          })
    while (!condition() && !isLate)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return condition()
  }

  async #write(): Promise<void> {
    const configuration = this.#wanted
    await replaceFileOfThisBoot(this.#paths.configuration, configuration)
    this.#applied = configuration
    this.#appliedMs = undefined
  }

  async #removeFiles(): Promise<void> {
    await Promise.all(Object.values(this.#paths).map((path: string) => rm(path, { force: true })))
  }

  #complain(level: 'warn' | 'error', complaint: string): void {
    if (this.#complaints.has(complaint)) return
    this.#complaints.add(complaint)
    this.#context.log[level](`multicast: ${complaint}`)
  }
}

const OCCUPIED =
  'another multicast router runs on this machine, where there can be only one: stop it (systemctl disable --now smcroute)'

const smcroutedFailure = (reason: string): string =>
  reason.includes('ENOENT')
    ? 'smcrouted is missing, nothing is routed until it is there: install the Debian package smcroute (apt-get install smcroute)'
    : reason
