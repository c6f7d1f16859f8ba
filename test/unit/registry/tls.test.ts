import { writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { TlsCredentials } from '../../../src/registry/server/tls-credentials.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { failedStart } from '../../support/registry-process.ts'
import { type KeyPair, selfSigned } from '../../support/self-signed.ts'
import { silentLog } from '../../support/silent-log.ts'

const DEADLINE_MS = 30_000
/** Counts as another machine's: it is no authorised origin. */
const STRANGER = '127.0.0.12'

/** Files with a pair, which can be changed. */
async function pairFiles(pair?: KeyPair) {
  const directory = temporaryDirectory()
  const files = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key'), clientCa: undefined }
  const write = (one: Partial<KeyPair>) => {
    if (one.cert !== undefined) writeFileSync(files.cert, one.cert)
    if (one.key !== undefined) writeFileSync(files.key, one.key, { mode: 0o600 })
  }
  const first = pair ?? (await selfSigned())
  write(first)
  return { files, write, first }
}

async function tlsRegistry(
  settings: { readonly clientCa?: string } = {},
  components: Parameters<typeof testRegistry>[1] = {},
) {
  const { files, write, first } = await pairFiles()
  const tls = { ...files, ...settings, listen: [{ address: '127.0.0.1', port: 0 }] }
  const registry = await testRegistry({ tls }, components)
  const port = registry.tlsAddresses[0]?.port ?? 0
  return {
    ...{ registry, port, write, first, plainPort: registry.addresses[0]?.port ?? 0 },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

interface Asked {
  status: number
  headers: IncomingHttpHeaders
}

const ask = (
  port: number,
  path: string,
  options: { ca?: string; cert?: string; key?: string; headers?: Record<string, string>; from?: string } = {},
): Promise<Asked> =>
  new Promise((resolve, reject) => {
    const { from, ...more } = options
    const send = options.ca === undefined ? httpRequest : httpsRequest
    const localAddress = from === undefined ? {} : { localAddress: from }
    const request = send(
      { host: '127.0.0.1', port, path, agent: false, servername: 'localhost', ...more, ...localAddress },
      (answer) => {
        answer.resume()
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }))
        answer.on('error', reject)
      },
    )
    request.on('error', reject).end()
  })

/** The fingerprint of the certificate that it shows. */
const shown = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.toString() ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })

describe('a registry with TLS', () => {
  it('answers by it, beside HTTP', async () => {
    await using tls = await tlsRegistry()
    expect((await ask(tls.port, '/getCa', { ca: tls.first.cert })).status).toBe(200)
    expect((await ask(tls.plainPort, '/getCa')).status).toBe(200)
    await expect(ask(tls.port, '/getCa', { ca: (await selfSigned()).cert })).rejects.toThrow()
  })

  it('sends browsers there, and no node: nodes follow no redirection', async () => {
    await using tls = await tlsRegistry()
    const headers = { Accept: 'text/html', Host: 're6st.example.com:8080' }
    const page = await ask(tls.plainPort, '/?a=b', { headers })
    expect(page).toMatchObject({ status: 308 })
    expect(page.headers.location).toBe(`https://re6st.example.com:${tls.port}/?a=b`)
    expect((await ask(tls.plainPort, '/getCa', { headers })).status).toBe(200)
    expect((await ask(tls.plainPort, '/frobnicate')).status).toBe(400)
    expect((await ask(tls.plainPort, '/', { headers: { ...headers, Host: 'a/b' } })).status).toBe(400)
  })

  it('takes who shows the certificate of an administrator for one, from anywhere, and nobody else', async () => {
    const [admin, other] = [await selfSigned('admin'), await selfSigned('admin')]
    const clientCa = join(temporaryDirectory(), 'admins.crt')
    writeFileSync(clientCa, admin.cert)
    await using tls = await tlsRegistry({ clientCa })
    const { cert: ca } = tls.first
    const call = (more: object) => ask(tls.port, '/isToken?token=x', { ca, from: STRANGER, ...more })
    expect((await call(admin)).status).toBe(204)
    expect((await call({})).status).toBe(403)
    expect((await call(other)).status).toBe(403)
    // A page in the administrator's browser shows it, too.
    expect((await call({ ...admin, headers: { Origin: 'https://evil.example' } })).status).toBe(403)
  })

  it('reads the files anew when they change, and keeps what it has while they are no good', async () => {
    const [{ files, write, first }, second] = [await pairFiles(), await selfSigned()]
    let tick = () => {}
    const said: unknown[] = []
    const log = { ...silentLog, error: (what: unknown) => said.push(what) } as unknown as typeof silentLog
    const every = (_: number, look: () => void) => {
      tick = look
      return { [Symbol.dispose]: () => {} }
    }
    using credentials = new TlsCredentials(files, { clock: { every }, log })
    const used: unknown[] = []
    credentials.follow(({ cert }) => used.push(cert))
    const look = () => {
      // Twice: files are not judged while somebody writes them.
      tick()
      tick()
      tick()
      tick()
    }
    look()
    write({ cert: second.cert })
    tick()
    write({ key: second.key })
    look()
    expect(used).toEqual([first.cert, second.cert])
    expect(said).toEqual([])

    write({ key: first.key })
    look()
    write({ key: 'nonsense' })
    look()
    expect(used).toHaveLength(2)
    expect(said).toHaveLength(2)
    write({ key: second.key })
    look()
    write(first)
    look()
    expect(used).toEqual([first.cert, second.cert, first.cert])
    expect(said).toHaveLength(2)
  })

  it('shows the new certificate to who comes', async () => {
    let tick = () => {}
    const clock = Object.create(systemClock) as typeof systemClock
    clock.every = (ms, work) => {
      if (ms === 10_000) tick = () => void work()
      return systemClock.every(ms, work)
    }
    await using tls = await tlsRegistry({}, { clock })
    expect(await shown(tls.port)).toBe(`${tls.first.cert}\n`.replace(/\n+$/, '\n'))
    const second = await selfSigned()
    tls.write(second)
    tick()
    tick()
    expect((await ask(tls.port, '/getCa', { ca: second.cert })).status).toBe(200)
  })
})

describe('handshakes of strangers', () => {
  it('that never end, or are none, shut out nobody, and are cut off', async () => {
    await using tls = await tlsRegistry({}, { serverLimits: { handshakeTimeoutMs: 3_000 } })
    const strangers: Socket[] = []
    const closed = new Set<number>()
    for (let number = 0; number < 120; number++) {
      const socket = connect({
        host: '127.0.0.1',
        port: tls.port,
        localAddress: `127.0.1.${1 + (number % 60)}`,
      })
      socket.on('error', () => {})
      socket.on('close', () => closed.add(number))
      if (number % 3 === 1) socket.write(Buffer.from([0x16, 3, 1, 2, 0]))
      if (number % 3 === 2) socket.write('GET / HTTP/1.1\r\n\r\n')
      strangers.push(socket)
    }
    const { cert: ca } = tls.first
    expect((await ask(tls.port, '/getCa', { ca, from: '127.0.2.1' })).status).toBe(200)
    await waitFor(() => closed.size === strangers.length, {
      what: 'the end of all strangers',
      deadlineMs: DEADLINE_MS,
      intervalMs: 50,
    })
    expect((await ask(tls.port, '/getCa', { ca, from: STRANGER })).status).toBe(200)
  })

  it('that are under way do not keep the registry from stopping', async () => {
    const tls = await tlsRegistry()
    const socket = connect({ host: '127.0.0.1', port: tls.port })
    socket.on('error', () => {})
    const isClosed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.write(Buffer.from([0x16, 3, 1]))
    expect((await ask(tls.port, '/getCa', { ca: tls.first.cert })).status).toBe(200)
    await tls[Symbol.asyncDispose]()
    await isClosed
  })
})

describe('files for TLS that are no good', () => {
  it.each([
    [
      'the key of another certificate',
      async () => ({ ...(await selfSigned()), cert: (await selfSigned()).cert }),
      '--tls-key',
    ],
    ['no certificate', async () => ({ ...(await selfSigned()), cert: 'x' }), '--tls-cert'],
    ['no key', async () => ({ ...(await selfSigned()), key: 'x' }), '--tls-key'],
  ])('are refused in one line: %s', async (_, pair, option) => {
    const { files } = await pairFiles(await pair())
    const { exitCode, stderr } = await failedStart([
      '--tls-cert',
      files.cert,
      '--tls-key',
      files.key,
      '--tls-port',
      '0',
    ])
    expect(exitCode).toBe(1)
    expect(stderr.split('\n').filter((line) => !line.includes('WARNING'))).toHaveLength(1)
    expect(stderr).toContain(option)
  })
})
