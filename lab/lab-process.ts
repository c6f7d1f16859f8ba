import {
  describeEnd,
  type ProcessEnd,
  type RunningProcess,
  systemProcesses,
} from '../src/platform/processes.ts'
import { insideNamespace, MACHINE_ENVIRONMENT } from './namespace.ts'
import { RecentLines } from './recent-lines.ts'
import { waitFor } from './wait-for.ts'

/** How a machine starts a process. */
export interface LabProcessOptions {
  /** Name in reports; the command by default. */
  readonly name?: string
  readonly directory?: string
  readonly environment?: Readonly<Record<string, string>>
  /** Called for each line of its output, in addition to keeping the last ones. */
  readonly onLine?: (line: string) => void
}

/** A process on a machine of the lab, with the last lines that it wrote. */
export class LabProcess {
  readonly name: string
  readonly #running: RunningProcess
  readonly #lines = new RecentLines()
  #end: ProcessEnd | undefined

  constructor(namespace: string, command: readonly string[], options: LabProcessOptions = {}) {
    this.name = options.name ?? command[0] ?? ''
    this.#running = systemProcesses.start(...insideNamespace(namespace, command), {
      onLine: (line) => {
        this.#lines.add(line)
        options.onLine?.(line)
      },
      ...(options.directory === undefined ? {} : { directory: options.directory }),
      environment: { ...MACHINE_ENVIRONMENT, ...options.environment },
      dieWithParent: true,
      // Ctrl-C is for the lab, which then stops its machines in order.
      ownGroup: true,
    })
    void this.#running.ended.then((end) => {
      this.#end = end
    })
  }

  get pid(): number | undefined {
    return this.#running.pid
  }

  /** How it ended, if it did. */
  get end(): ProcessEnd | undefined {
    return this.#end
  }

  /** Resolves when it is gone. */
  get ended(): Promise<ProcessEnd> {
    return this.#running.ended
  }

  /** TERM, and KILL after `graceMs`. */
  stop(graceMs?: number): Promise<ProcessEnd> {
    return this.#running.stop(graceMs)
  }

  /** kill -9 of this process alone: what it started is left to look after itself. */
  async killHard(): Promise<void> {
    if (this.#end === undefined && this.pid !== undefined) process.kill(this.pid, 'SIGKILL')
    await this.ended
  }

  /** The last lines that it wrote, on either stream. */
  lastLines(count?: number): readonly string[] {
    return this.#lines.last(count)
  }

  /** Waits for a line that matches, also among those written before. @throws Error at the deadline, or when it ends first */
  async line(pattern: RegExp, deadlineMs = 60_000): Promise<string> {
    const found = await waitFor(
      () => {
        const line = this.#lines.last().find((text) => pattern.test(text))
        return line === undefined
          ? this.#end && { line: undefined, end: this.#end }
          : { line, end: undefined }
      },
      { what: `${pattern} from ${this.name}`, deadlineMs, intervalMs: 20 },
    )
    if (found.line !== undefined) return found.line
    throw new Error(
      `${this.name} ended (${describeEnd(found.end)}) without ${pattern}: ${this.lastLines(5).join(' | ')}`,
    )
  }
}
