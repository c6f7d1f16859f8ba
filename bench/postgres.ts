import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { waitFor } from '../lab/wait-for.ts'
import { freePort } from './registry-process.ts'

const VERSIONS = '/usr/lib/postgresql'

/**
 * Starts an empty server of PostgreSQL on loopback, with what Debian configures.
 * @throws Error when it is not installed
 */
export async function startPostgres(): Promise<AsyncDisposable & { readonly url: string }> {
  const programs = (existsSync(VERSIONS) ? readdirSync(VERSIONS) : [])
    .map((version) => join(VERSIONS, version, 'bin'))
    .find((directory) => existsSync(join(directory, 'initdb')))
  if (programs === undefined) throw new Error('PostgreSQL is not installed: apt install postgresql')
  const parent = mkdtempSync(join(tmpdir(), 're6st-bench-'))
  const data = join(parent, 'data')
  const user = unprivileged()
  chmodSync(parent, 0o755)
  mkdirSync(data, { mode: 0o700 })
  if (user) chownSync(data, user.uid, user.gid)
  execFileSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 're6st', '-A', 'trust', '-E', 'UTF8', '--no-sync'],
    {
      stdio: 'ignore',
      ...user,
    },
  )
  const port = await freePort()
  const url = `postgres://re6st@127.0.0.1:${port}/postgres`
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), '-k', '', '-h', '127.0.0.1'],
    { stdio: 'ignore', ...user },
  )
  const stop = async () => {
    if (server.exitCode === null && server.kill('SIGINT')) await once(server, 'exit')
    rmSync(parent, { recursive: true })
  }
  const answers = async () => {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      return true
    } finally {
      await client.end()
    }
  }
  try {
    await waitFor(answers, { what: 'an answer of PostgreSQL', deadlineMs: 60_000 })
  } catch (error) {
    await stop()
    throw error
  }
  return { url, [Symbol.asyncDispose]: stop }
}

/** Root may not run it: one without rights does. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.geteuid?.() !== 0) return undefined
  const id = (option: string) => Number(execFileSync('id', [option, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
