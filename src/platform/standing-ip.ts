import type { Clock } from './clock.ts'
import type { ProcessEnd, Processes, RunningProcess } from './processes.ts'
import { Turns } from './turns.ts'

/** Runs other programs, but lets one `ip` do many short commands. */
export interface ProcessesWithStandingIp extends Processes, AsyncDisposable {}

/** Which addresses and routes `ip` takes for meant where a command does not tell. */
type Family = '' | '-4' | '-6'

/** What a command of `ip` is for one that stays: its family, and its lines. */
interface Commands {
  readonly family: Family
  readonly lines: readonly string[]
}

/**
 * How many lines one `ip` is told. It never gives back the buffer of an answer (iproute2 6.1: 4 KiB for each route), so that one that
 * stays for months, or takes a network of 10,000, would become larger than we are.
 */
export const LINES_OF_ONE_IP = 500
/** A node's start needs many within seconds, later it needs one now and then: none of them stays for that. */
const IDLE_MS = 5_000
/** As long as any short command may take. */
const TIMEOUT_MS = 30_000
/** How long one may take to say for the first time that it does not know a word. */
const GREETING_MS = 5_000
/** A word that `ip` does not know: that it says so tells that it has done what came before. */
const MARK = 'settled'
const PLAIN_WORD = /^[\w.:/@%+-]+$/
/** What shows nothing else when it is asked for more, and does nothing else. */
const KNOWN_OPTIONS: ReadonlySet<string> = new Set(['-4', '-6', '-j', '-details'])
/**
 * Of what may be shown by one that has shown other things before. After `link show` its `addr show` shows no addresses
 * (iproute2 6.1 goes on with the family of links), and a node would add what it has.
 */
const SHOWN: ReadonlySet<string> = new Set(['addr', 'address', 'route'])

/**
 * A process that is started copies the tables of all memory of the one that starts it, which takes both of them
 * milliseconds: `ip` for a setting of a microsecond. One of each family takes them one after another, as long as they come.
 * What it cannot do is done once more by an `ip` of its own, which says why: `ip` remembers the number of an interface of a
 * name for as long as it runs, and there may be another of that name.
 */
export function withStandingIp(processes: Processes, clock: Pick<Clock, 'after'>): ProcessesWithStandingIp {
  const standing: Readonly<Record<Family, StandingIp>> = {
    '': new StandingIp(processes, clock, []),
    '-4': new StandingIp(processes, clock, ['-4']),
    '-6': new StandingIp(processes, clock, ['-6']),
  }
  const doneBy = async (
    { family, lines }: Commands,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly stdout: string; readonly left: readonly string[] }> => {
    let stdout = ''
    for (const [at, line] of lines.entries()) {
      const printed = await standing[family].run(line)
      signal?.throwIfAborted()
      if (printed === undefined) return { stdout, left: lines.slice(at) }
      stdout += printed
    }
    return { stdout, left: [] }
  }
  return {
    start: (command, args, options) => processes.start(command, args, options),
    async run(command, args, options = {}) {
      const commands = command === 'ip' ? commandsOf(args, options.input) : undefined
      if (commands === undefined) return processes.run(command, args, options)
      options.signal?.throwIfAborted()
      const { stdout, left } = await doneBy(commands, options.signal)
      if (left.length === 0) return { stdout, stderr: '' }
      if (options.input === undefined) return processes.run(command, args, options)
      return processes.run(command, args, { ...options, input: `${left.join('\n')}\n` })
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(standing).map((ip) => ip[Symbol.asyncDispose]()))
    },
  }
}

/** @returns undefined for what is to have a process of its own */
function commandsOf(args: readonly string[], input: string | undefined): Commands | undefined {
  const begin = args.findIndex((word) => !KNOWN_OPTIONS.has(word))
  if (begin < 0) return undefined
  const [options, words] = [args.slice(0, begin), args.slice(begin)]
  const family = options.includes('-6') ? '-6' : options.includes('-4') ? '-4' : ''
  const isBatch = words.join(' ') === '-batch -'
  const lines = isBatch
    ? (input ?? '').split('\n').flatMap((line) => (line === '' ? [] : [line.split(' ')]))
    : [words]
  const mayPrint = options.includes('-j') && !isBatch
  return lines.every((line) => isShort(line, mayPrint))
    ? { family, lines: lines.map((line) => line.join(' ')) }
    : undefined
}

/** Whether it ends by itself, fails where it is about another interface of that name, and prints only what may be printed. */
function isShort(words: readonly string[], mayPrint: boolean): boolean {
  const [object = '-', action = 'show'] = words
  if (
    object.startsWith('-') ||
    object === 'monitor' ||
    action === 'flush' ||
    !words.every((word) => PLAIN_WORD.test(word))
  )
    return false
  if (action !== 'show' && action !== 'get') return true
  const iface = words[words.indexOf('dev', 2) + 1]
  return mayPrint && SHOWN.has(object) && (!words.includes('dev') || iface === 'lo')
}

/** One `ip` that takes commands as long as they come, and the next one after that. */
class StandingIp implements AsyncDisposable {
  readonly #processes: Pick<Processes, 'start'>
  readonly #clock: Pick<Clock, 'after'>
  readonly #options: readonly string[]
  readonly #turns = new Turns()
  #running: RunningProcess | undefined
  /** Those that have not ended yet, also such as are told no more. */
  readonly #alive = new Set<Promise<ProcessEnd>>()
  /** False: an `ip` that does not tell when a command is done, or none at all. */
  #isUsable = true
  #lines = 0
  #idle: Disposable | undefined
  #command: { printed: string; hasFailed: boolean; readonly end: (isDone: boolean) => void } | undefined

  constructor(processes: Pick<Processes, 'start'>, clock: Pick<Clock, 'after'>, options: readonly string[]) {
    this.#processes = processes
    this.#clock = clock
    this.#options = options
  }

  /** Does a command. @returns what it printed; undefined when it failed, or there was no answer. Never rejects */
  run(line: string): Promise<string | undefined> {
    // What it prints and what it says comes by two ways: which is about which command is known of one at a time only.
    return this.#turns.take(() => this.#do(line))
  }

  async #do(line: string): Promise<string | undefined> {
    if (!this.#running) {
      if (!this.#isUsable) return undefined
      const running = this.#begin()
      this.#running = running
      // Before it does anything: nothing is done twice because its end was not seen.
      const isGreeted = (await this.#ask(running, [MARK], GREETING_MS)) !== undefined
      // One that could not even be started, for want of memory say, can be the next time.
      if (!isGreeted && running.pid !== undefined) this.#isUsable = false
    }
    return this.#running && this.#ask(this.#running, [line, MARK], TIMEOUT_MS)
  }

  /** @param lines the last one tells that the others are done */
  #ask(running: RunningProcess, lines: readonly string[], limitMs: number): Promise<string | undefined> {
    this.#idle?.[Symbol.dispose]()
    return new Promise((resolve) => {
      const limit = this.#clock.after(limitMs, () => running.signal('SIGKILL'))
      const command = {
        printed: '',
        hasFailed: false,
        end: (isDone: boolean) => {
          if (this.#command !== command) return
          this.#command = undefined
          limit[Symbol.dispose]()
          const isGood = isDone && !command.hasFailed
          // What a command has left that broke off in the middle is nothing to go on with; what was told enough is replaced.
          if (!isGood || this.#lines >= LINES_OF_ONE_IP) this.#end()
          else this.#idle = this.#clock.after(IDLE_MS, () => this.#end())
          resolve(isGood ? command.printed : undefined)
        },
      }
      this.#command = command
      this.#lines += lines.length
      running.write(`${lines.join('\n')}\n`)
    })
  }

  #begin(): RunningProcess {
    this.#lines = 0
    // It ends with its input, and that with us.
    const running = this.#processes.start(
      'ip',
      ['-force', '-j', '-details', ...this.#options, '-batch', '-'],
      {
        withInput: true,
        // A signal for us, from a terminal, is none for what is being done.
        ownGroup: true,
        onLine: (line, stream) => {
          if (this.#running === running) this.#read(line, stream)
        },
      },
    )
    const ended = () => {
      this.#alive.delete(running.ended)
      if (this.#running !== running) return
      this.#running = undefined
      this.#command?.end(false)
    }
    this.#alive.add(running.ended)
    running.ended.then(ended, ended)
    return running
  }

  #read(line: string, stream: 'stdout' | 'stderr'): void {
    const command = this.#command
    if (!command) return
    if (stream === 'stdout') {
      command.printed += `${line}\n`
      return
    }
    const failed = Number(/^Command failed -:(\d+)$/.exec(line)?.[1])
    if (failed === this.#lines - 1) command.hasFailed = true
    // What it printed was there before that, and is read before anything that is done now.
    else if (failed === this.#lines) setImmediate(() => command.end(true))
  }

  #end(): void {
    // It has nothing to put in order, and one that was stopped hears of nothing else.
    this.#running?.signal('SIGKILL')
    this.#running = undefined
  }

  /** Nothing of it is there any more when this resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#idle?.[Symbol.dispose]()
    this.#end()
    this.#command?.end(false)
    this.#idle?.[Symbol.dispose]()
    await Promise.all(this.#alive)
  }
}
