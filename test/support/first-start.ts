import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { programOf } from '../../lab/programs.ts'
import { waitFor } from '../../lab/wait-for.ts'
import { freePort } from './free-port.ts'
import { temporaryDirectory } from './registry.ts'

const DEADLINE_MS = 60_000

/** A registry that was started without an authority, as a process. */
export interface FirstStartProcess extends AsyncDisposable {
  /** Where the page is, with the code, as it was printed. */
  readonly url: URL
  readonly directory: string
  /** Its port. */
  readonly port: number
  /** Waits until it serves its network. */
  runs(): Promise<void>
}

/**
 * Starts one, and waits until it offers to make a network.
 * @param database for what it will have
 * @param directory for the authority
 * @param options more of them
 */
export async function firstStartProcess(
  database = join(temporaryDirectory(), 'registry.db'),
  directory = join(temporaryDirectory(), 'new'),
  options: readonly string[] = [],
): Promise<FirstStartProcess> {
  const [port, pagePort] = [await freePort(), await freePort()]
  const own = temporaryDirectory()
  const path = (name: string) => join(directory, name)
  const [program = '', ...more] = programOf('re6st-registry')
  const child = execa(
    program,
    [
      ...more,
      ...['--ca', path('ca.crt'), '--key', path('ca.key'), '--db', database],
      ...['--command-socket', join(own, 'commands.socket')],
      ...['--port', String(port), '-4', '127.0.0.1', '-6', '', '--logfile', join(own, 'log'), '-v', '2'],
      ...['--page', `127.0.0.1:${pagePort}`],
      ...options,
    ],
    { reject: false, stdin: 'ignore', timeout: 4 * DEADLINE_MS },
  )
  let text = ''
  child.stdout.on('data', (part: Buffer) => {
    text += String(part)
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await child
  }
  const until = (pattern: RegExp, what: string) =>
    waitFor(() => pattern.test(text), { what, deadlineMs: DEADLINE_MS, intervalMs: 50 }).catch(
      async (error: unknown) => {
        await stop()
        throw new Error(`${String(error)}: ${text} ${readFileSync(join(own, 'log'), 'utf8')}`)
      },
    )
  await until(/make one at (\S+)\n/, 'the first start')
  return {
    url: new URL(/make one at (\S+)\n/.exec(text)?.[1] ?? ''),
    directory,
    port,
    runs: async () => void (await until(/: serving /, 'the registry')),
    [Symbol.asyncDispose]: stop,
  }
}
