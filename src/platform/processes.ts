import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { messageOf, Re6stError } from '../core/errors.ts'

/** How a process ended: with a status, or by a signal. */
export type ProcessEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'not-started'; readonly error: Error }

/** A child that runs until it ends or is ended. */
export interface RunningProcess {
  readonly pid: number | undefined
  /** Resolves, never rejects, when the process is gone and its output has been read. */
  readonly ended: Promise<ProcessEnd>
  /** Sends TERM, and KILL if it has not ended after `graceMs`; resolves with its end. */
  stop(graceMs?: number): Promise<ProcessEnd>
  signal(signal: NodeJS.Signals): void
  /** Gives it something to read, if it was started `withInput`. One that has ended reads nothing any more. */
  write(text: string): void
  /** What it reads ends after what was written. */
  endInput(): void
}

/** What a child is started with. */
export interface ProcessOptions {
  /** Called for each line that the child writes, on either stream. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
  /** The kernel sends the child TERM when we die, even by kill -9. */
  readonly dieWithParent?: boolean
  /** Signals reach the child's own children too: for what a shell starts. */
  readonly ownGroup?: boolean
  /** It reads what `write` gives it; otherwise it reads nothing. */
  readonly withInput?: boolean
}

/** What a short command printed. */
export interface CommandOutput {
  readonly stdout: string
  readonly stderr: string
}

/** The one way to run other programs. */
export interface Processes {
  /** Starts a child to be watched; never throws. A program that is missing, or a machine that has no more memory, file
   * descriptors or processes, shows as `not-started`. */
  start(command: string, args: readonly string[], options?: ProcessOptions): RunningProcess
  /** Runs a short command to its end. @throws Re6stError `DAEMON` if it is missing, fails, or takes too long */
  run(
    command: string,
    args: readonly string[],
    options?: { readonly input?: string; readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<CommandOutput>
}

/** How long a child may take to end after TERM. */
const STOP_GRACE_MS = 5_000
/** How long a short command may take: `ip` answers in milliseconds. */
const COMMAND_TIMEOUT_MS = 30_000

/** How a process ended, for a message. */
export function describeEnd(end: ProcessEnd): string {
  switch (end.kind) {
    case 'exited':
      return `exit status ${end.status}`
    case 'killed':
      return `signal ${end.signal}`
    case 'not-started':
      return end.error.message
  }
}

/** Runs real processes. */
export const systemProcesses: Processes = {
  start(command, args, options = {}) {
    // Node cannot set PR_SET_PDEATHSIG itself; setpriv (util-linux) can, and then becomes the command.
    const [file, argv] = options.dieWithParent
      ? ['setpriv', ['--pdeathsig', 'TERM', '--', command, ...args]]
      : [command, [...args]]
    const child = spawned(file, argv, {
      stdio: [options.withInput ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      ...(options.directory === undefined ? {} : { cwd: options.directory }),
      env: { ...process.env, ...options.environment },
      // Ctrl-C at a terminal is for us, who end what we started in order.
      detached: options.ownGroup === true || options.dieWithParent === true,
    })
    if (child instanceof Error) return neverStarted(child)
    child.stdin?.on('error', () => {}) // it ended: its end says why
    watchLines(child.stdout, (line) => options.onLine?.(line, 'stdout'))
    watchLines(child.stderr, (line) => options.onLine?.(line, 'stderr'))
    const ended = endOf(child)
    const signal = (name: NodeJS.Signals) => {
      if (!options.ownGroup || child.pid === undefined) return void child.kill(name)
      try {
        process.kill(-child.pid, name)
      } catch {
        // The group is gone already.
      }
    }
    return {
      pid: child.pid,
      ended,
      signal,
      write: (text) => void child.stdin?.write(text),
      endInput: () => void child.stdin?.end(),
      async stop(graceMs = STOP_GRACE_MS) {
        signal('SIGTERM')
        const timer = setTimeout(() => signal('SIGKILL'), graceMs)
        try {
          return await ended
        } finally {
          clearTimeout(timer)
        }
      },
    }
  },

  async run(command, args, { input, timeoutMs = COMMAND_TIMEOUT_MS, signal } = {}) {
    const limit = AbortSignal.timeout(timeoutMs)
    const child = spawned(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      killSignal: 'SIGKILL',
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    })
    if (child instanceof Error)
      throw new Re6stError('DAEMON', `${command}: ${child.message}`, { cause: child })
    const [out, err] = [textOf(child.stdout), textOf(child.stderr)]
    child.stdin?.on('error', () => {}) // it ended without reading all: its status says why
    child.stdin?.end(input ?? '')
    const end = await endOf(child)
    const [stdout, stderr] = await Promise.all([out, err])
    signal?.throwIfAborted()
    if (end.kind === 'exited' && end.status === 0) return { stdout, stderr }
    const why = limit.aborted ? `no end after ${timeoutMs} ms` : describeEnd(end)
    // `ip -batch` says what is wrong, and after that in which line of its input.
    const said =
      stderr
        .trim()
        .split('\n')
        .findLast((line) => !line.startsWith('Command failed')) ?? ''
    // A program is no help to those who read that it failed.
    const words = [command, ...args.map((word) => (word.includes('\n') ? '…' : word))].join(' ')
    throw new Re6stError('DAEMON', `${words}: ${said === '' ? why : `${said} (${why})`}`)
  },
}

/**
 * As `spawn`, which throws for some of what can go wrong (no memory) and emits an error for the rest (no such program, no
 * file descriptors; then the child may have no streams).
 */
function spawned(file: string, args: readonly string[], options: SpawnOptions): ChildProcess | Error {
  try {
    return spawn(file, [...args], options)
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error))
  }
}

function neverStarted(error: Error): RunningProcess {
  const ended = Promise.resolve<ProcessEnd>({ kind: 'not-started', error })
  return { pid: undefined, ended, signal: () => {}, write: () => {}, endInput: () => {}, stop: () => ended }
}

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      if (child.pid === undefined) resolve({ kind: 'not-started', error })
    })
    // `close`, not `exit`: what it printed last has been read then.
    child.once('close', (status, signal) =>
      resolve(signal === null ? { kind: 'exited', status: status ?? 1 } : { kind: 'killed', signal }),
    )
  })
}

function watchLines(stream: Readable | null | undefined, onLine: (line: string) => void): void {
  if (stream) createInterface({ input: stream }).on('line', onLine)
}

async function textOf(stream: Readable | null | undefined): Promise<string> {
  if (!stream) return ''
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
