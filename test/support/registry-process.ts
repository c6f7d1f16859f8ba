import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { programOf } from '../../lab/programs.ts'
import { isComplaint } from '../../lab/re6st-node.ts'
import { waitFor } from '../../lab/wait-for.ts'
import { isPostgresUrl } from '../../src/registry/database/postgres-servers.ts'
import { listeningPort } from './listening-port.ts'
import { temporaryDirectory } from './registry.ts'
import { vectors } from './vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const DEADLINE_MS = 30_000

/** `re6st-registry` as a process, on a free port of loopback. */
export interface RegistryProcess extends AsyncDisposable {
  readonly url: string
  /** Warnings and errors of its log. */
  readonly complaints: () => readonly string[]
  /** Ends it. @returns what it has said */
  stop(signal?: NodeJS.Signals): Promise<{ readonly stdout: string; readonly stderr: string }>
}

/** What it is started with: the recorded CA, and what a test wants. */
function prepare(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  under = (command: readonly string[]) => command,
) {
  const directory = temporaryDirectory()
  const path = (name: string) => join(directory, name)
  writeFileSync(path('ca.crt'), pki.ca)
  writeFileSync(path('ca.key'), pki.keys['ca'] ?? '', { mode: 0o600 })
  const [program = '', ...more] = under(programOf('re6st-registry'))
  const process = execa(
    program,
    [
      ...more,
      ...['--ca', path('ca.crt'), '--key', path('ca.key'), '--db', path('registry.db')],
      // The usual place is that of a service.
      ...(args.some(isPostgresUrl) ? ['--command-socket', path('commands.socket')] : []),
      ...['--port', '0', '-4', '127.0.0.1', '-6', '', '--logfile', path('log'), '-v', '2'],
      ...args,
    ],
    { env, reject: false, stdin: 'ignore', timeout: 2 * DEADLINE_MS },
  )
  return { process, logFile: path('log') }
}

/** Starts it, and waits until it listens. @param under makes the command line that runs it another one */
export async function registryProcess(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  under?: (command: readonly string[]) => readonly string[],
): Promise<RegistryProcess> {
  const { process, logFile } = prepare(args, env, under)
  const log = () => {
    try {
      return readFileSync(logFile, 'utf8')
    } catch {
      return ''
    }
  }
  // Its only line there says that it serves: by then it has warned of all that it warns of.
  let said = ''
  process.stdout.on('data', (part: Buffer) => {
    said += String(part)
  })
  const hasSaid = () => said.endsWith('\n')
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    process.kill(signal)
    const { stdout, stderr } = await process
    return { stdout: String(stdout), stderr: String(stderr) }
  }
  const isServing = waitFor(() => hasSaid() && process.pid && listeningPort(process.pid), {
    what: 'the registry',
    deadlineMs: DEADLINE_MS,
    intervalMs: 20,
  })
  const port = await isServing.catch(async (error: unknown) => {
    await stop('SIGKILL')
    throw error
  })
  return {
    url: `http://127.0.0.1:${port}/`,
    complaints: () => log().split('\n').filter(isComplaint),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  }
}

/** Starts it where it must not come up: its exit status, and what it says. */
export async function failedStart(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly exitCode: number | undefined; readonly stderr: string }> {
  const { exitCode, stderr } = await prepare(args, env).process
  return { exitCode, stderr }
}
