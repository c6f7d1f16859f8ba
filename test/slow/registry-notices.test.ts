import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { DAY_MS } from '../../src/core/day.ts'
import { inBackground } from '../../src/platform/background.ts'
import { CleanUp } from '../../src/platform/clean-up.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { freePort } from '../support/free-port.ts'
import { installed } from '../support/installed.ts'
import { POSTGRES_PROGRAMS, TestPostgres } from '../support/postgres.ts'
import { temporaryDirectory } from '../support/registry.ts'
import { silentLog } from '../support/silent-log.ts'
import { vectors } from '../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const PROCESSES = 3
/** They look once a minute, and whoever is sending is given up after one; that a node is gone is told after three. */
const DEADLINE_MS = 300_000

const ss = installed('ss', 'iproute2')

interface Told {
  readonly event: string
  readonly id: string
  readonly pid: number
}

/** Which process has made the connection that a server has got. */
function senderOf({ socket }: IncomingMessage): number {
  const place = `127.0.0.1:${socket.remotePort}`
  const listed = execFileSync('ss', ['-Htnp', 'src', place], { encoding: 'utf8' })
  return Number(/pid=(\d+)/.exec(listed)?.[1])
}

/** What takes messages, all but the first one, which it never answers. */
async function receiver(stack: CleanUp) {
  const told: Told[] = []
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const pid = senderOf(request)
    const { event, id } = JSON.parse(await text(request)) as Omit<Told, 'pid'>
    told.push({ event, id, pid })
    if (told.length > 1) response.end()
  }
  const server = createServer((request, response) =>
    inBackground(silentLog, 'a message', take(request, response)),
  ).listen(0, '127.0.0.1')
  stack.defer(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return { told, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

async function startRegistry(args: readonly string[]): Promise<{ process: ChildProcess; url: string }> {
  const directory = temporaryDirectory()
  const file = (name: string, contents: string) => {
    writeFileSync(join(directory, name), contents, { mode: 0o600 })
    return join(directory, name)
  }
  const port = await freePort()
  const process_ = spawn(
    process.execPath,
    [
      ...[
        'dist/re6st-registry.js',
        '--ca',
        file('ca.crt', pki.ca),
        '--key',
        file('ca.key', pki.keys['ca'] ?? ''),
      ],
      ...['--port', String(port), '-4', '127.0.0.1', '-6', '', '--anonymous-prefix-length', '32'],
      ...['--logfile', join(directory, 'log'), '--command-socket', join(directory, 'socket')],
      ...['--webhook-secret', file('secret', 'a secret'), ...args],
    ],
    { stdio: 'ignore' },
  )
  const url = `http://127.0.0.1:${port}/`
  await waitFor(() => new RegistryClient(url).getCa(), { what: 'a registry', deadlineMs: DEADLINE_MS })
  return { process: process_, url }
}

it.skipIf(POSTGRES_PROGRAMS === undefined || ss.missing)(
  `of three registries one says what an operator should know, and another when that is killed while it does${ss.note}`,
  async () => {
    await using stack = new CleanUp()
    const postgres = stack.use(await TestPostgres.start())
    const { told, url } = await receiver(stack)
    const registries: Awaited<ReturnType<typeof startRegistry>>[] = []
    while (registries.length < PROCESSES) {
      const registry = await startRegistry(['--db', postgres.url, '--webhook', url])
      stack.defer(() => void registry.process.kill('SIGKILL'))
      registries.push(registry)
    }
    // The first one is the registry's own node, which does not run.
    await new RegistryClient(registries[0]?.url ?? '').requestCertificate({
      ...{ token: '', csr: pki.csr['node-a'] ?? '' },
    })
    const end = Math.floor((Date.now() + 5 * DAY_MS) / 1000)
    await postgres.query(`UPDATE holder SET not_after = ${end}`)

    await waitFor(() => told[0], { what: 'a message', deadlineMs: DEADLINE_MS, intervalMs: 20 })
    const [{ pid, id } = { pid: 0, id: '' }] = told
    expect(registries.map(({ process }) => process.pid)).toContain(pid)
    process.kill(pid, 'SIGKILL')
    // By then, each has looked at the certificates more than once.
    await waitFor(() => told.some(({ event }) => event === 'registry_node.gone'), {
      ...{ what: 'the next message', deadlineMs: DEADLINE_MS, intervalMs: 100 },
    })
    expect(told.map(({ event }) => event)).toEqual([
      ...['certificates.ending', 'certificates.ending', 'registry_node.gone'],
    ])
    expect(told[1]?.id).toBe(id)
    expect(told.slice(1).map((one) => one.pid)).not.toContain(pid)
  },
  2 * DEADLINE_MS,
)
