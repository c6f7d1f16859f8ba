import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { codeOf, exitStatusOf, messageOf, Re6stError, readTroubleOf } from '../core/errors.ts'
import type { Request } from '../core/options/command-line.ts'
import type { ReadFile } from '../core/options/option-files.ts'
import { helpOf } from '../core/options/option-parser.ts'
import { ok, type Result, refuse } from '../core/result.ts'
import type { LogOutput } from './log.ts'
import { VERSION } from './version.ts'

/** A command, as `src/bin` puts it together. */
export interface Program<Options> {
  readonly name: string
  /** Where an option file comes from, for who has none yet. */
  readonly optionFileFrom?: string
  /** Reads its command line. */
  read(args: readonly string[], readFile: ReadFile): Result<Request<Options>>
  /** Runs it to its end. @returns the exit status @throws Re6stError what the user should read */
  run(options: Options): Promise<number>
}

/** Width of the help where there is no terminal. */
const DEFAULT_COLUMNS = 100

const openLogs = new Set<LogOutput>()

// Without a handler, Node.js would open its debugger on this signal.
process.on('SIGUSR1', () => {
  for (const log of openLogs) log.reopen()
})

/** Opens this log's file anew on SIGUSR1 (logrotate moved it), until disposed of. */
export function reopenOnSignal(log: LogOutput): Disposable {
  openLogs.add(log)
  return { [Symbol.dispose]: () => void openLogs.delete(log) }
}

/** Runs a command, and ends the process with its status. A mistake or a failure is one line on standard error. */
export async function main<Options>(program: Program<Options>): Promise<never> {
  process.stdout.on('error', (error) => {
    // Whoever reads our output may leave before its end (`re6st routes | head`).
    if (codeOf(error) === 'EPIPE') process.exit(0)
    // What was to be kept is not: a full disk.
    process.stderr.write(`${program.name}: standard output cannot be written: ${messageOf(error)}\n`)
    process.exit(1)
  })
  const status = await statusOf(program, process.argv.slice(2))
  await Promise.all([written(process.stdout), written(process.stderr)])
  process.exit(status)
}

/** Resolves when whoever reads has taken all of our output: at the end of a process, what a pipe has no room for is lost. */
const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.writableLength === 0) resolve()
    else stream.write('', () => resolve())
  })

async function statusOf<Options>(program: Program<Options>, args: readonly string[]): Promise<number> {
  try {
    const request = program.read(args, (path) => readOptionFile(path, program.optionFileFrom))
    if (!request.ok) throw new Re6stError('OPTION', request.reason)
    switch (request.value.kind) {
      case 'help':
        process.stdout.write(helpOf(request.value.command, process.stdout.columns ?? DEFAULT_COLUMNS))
        return 0
      case 'version':
        process.stdout.write(`${program.name} ${VERSION}\n`)
        return 0
      case 'test':
        if (request.value.message !== undefined) process.stderr.write(`${request.value.message}\n`)
        return request.value.status
      case 'run':
        return await program.run(request.value.options)
    }
  } catch (error) {
    process.stderr.write(`${program.name}: ${isExpected(error) ? messageOf(error) : unexpected(error)}\n`)
    return exitStatusOf(error)
  }
}

/** What the operating system says (a port in use, a full disk) is no mistake of ours, and needs no stack. */
const isExpected = (error: unknown): boolean =>
  error instanceof Re6stError || (error instanceof Error && 'syscall' in error)

const unexpected = (error: unknown): string => `unexpected error, please report it: ${stackOf(error)}`

/** With what has caused it. */
const stackOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`}`
    : String(error)

/** Reads an option file. @param from where such a file comes from, for who has none */
export function readOptionFile(path: string, from?: string): ReturnType<ReadFile> {
  try {
    return ok(readFileSync(path, 'utf8'))
  } catch (error) {
    const trouble = readTroubleOf(error, isAbsolute(path) ? undefined : process.cwd())
    return refuse(codeOf(error) === 'ENOENT' && from !== undefined ? `${trouble}; ${from}` : trouble)
  }
}
