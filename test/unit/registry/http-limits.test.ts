import { spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { FakeNode, rawExchange } from '../../support/recorded-registry.ts'
import { testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const identity = {
  caPublicKey: new X509Certificate(pki.ca).publicKey,
  decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
}
const DEADLINE_MS = 20_000

/** A registry that is as strict as the real one, and quicker about it. */
const impatientRegistry = (limits: Parameters<typeof testRegistry>[1] = {}) =>
  testRegistry(
    {},
    { serverLimits: { requestTimeoutMs: 400, connectionCheckMs: 50, keepAliveMs: 400 }, ...limits },
  )
const portOf = ({ addresses }: Awaited<ReturnType<typeof testRegistry>>) => addresses[0]?.port ?? 0
/** It answers others. On a machine that stands still for a moment, an honest client is too slow for it, too. */
const answer = <T>(ask: () => Promise<T>): Promise<T> =>
  waitFor(ask, { what: 'an answer of the registry', deadlineMs: DEADLINE_MS, intervalMs: 20 })
const isServing = async ({ url }: { readonly url: string }) =>
  (await answer(() => new RegistryClient(url).getCa())).includes('BEGIN CERTIFICATE')

/** A connection that collects what comes. */
class Client {
  readonly socket: Socket
  received = ''
  isClosed = false

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port })
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1')
    })
    // The server cuts us off: that is what is tested.
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
  }
}

/** That there is a version, since there is a node, is announced, and no question. */
const isQuestion = (asked: string) => !asked.endsWith('0000')

describe('a client that has reset its connection before it was looked at', () => {
  it('is no operator, though nobody can tell its address any more', async () => {
    await using registry = await testRegistry()
    const ask = async (target: string) => (await fetch(registry.url + target)).status
    const client = `
      const socket = require('node:net').connect(
        { host: '127.0.0.1', port: ${portOf(registry)}, localAddress: '127.0.0.2' },
        () => socket.write(
          'GET /addToken?email=a%40example.com&token=mine HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n',
          () => socket.resetAndDestroy(),
        ),
      )`
    // Meanwhile the registry, which is in this process, accepts nobody.
    expect(spawnSync(process.execPath, ['-e', client]).status).toBe(0)
    // What was asked before is written before that.
    expect(await ask('addToken?email=a%40example.com&token=other')).toBe(204)
    expect(await ask('isToken?token=other')).toBe(200)
    expect(await ask('isToken?token=mine')).toBe(204)
  })
})

describe('a slow client', () => {
  it.each([
    ['the request line', 'GET /getCa HTTP/1.1\r\n', ''],
    ['the headers', 'X-Header: x\r\n', 'GET /getCa HTTP/1.1\r\n'],
    ['the body', 'xxxxxxxxxxxxx', 'POST /getCa HTTP/1.1\r\nContent-Length: 1000\r\n\r\n'],
  ])('that sends %s byte by byte is cut off, and holds up nobody', async (_, slowly, atOnce) => {
    await using registry = await impatientRegistry()
    const client = new Client(portOf(registry))
    await once(client.socket, 'connect')
    client.socket.write(atOnce)
    let at = 0
    using _dripping = systemClock.every(20, () => {
      const byte = slowly[at++ % slowly.length]
      if (!client.socket.destroyed && byte !== undefined) client.socket.write(byte)
    })
    expect(await isServing(registry)).toBe(true)
    await waitFor(() => client.isClosed, {
      what: 'the server to close',
      deadlineMs: DEADLINE_MS,
      intervalMs: 20,
    })
    // A request that did not end is answered so; a body is not waited for.
    expect(client.received).toMatch(atOnce.startsWith('POST') ? /^HTTP\/1\.1 501 / : /^HTTP\/1\.1 408 /)
    expect(await isServing(registry)).toBe(true)
  })

  it('that says nothing at all is cut off; two hundred of them hold up nobody', async () => {
    await using registry = await impatientRegistry()
    const clients = Array.from({ length: 200 }, () => new Client(portOf(registry)))
    await Promise.all(clients.map(({ socket }) => once(socket, 'connect')))
    const pem = await answer(() => new RegistryClient(registry.url).requestCertificate({ token: '', csr }))
    expect(pem).toContain('BEGIN CERTIFICATE')
    await waitFor(() => clients.every(({ isClosed }) => isClosed), {
      what: 'the server to close',
      deadlineMs: DEADLINE_MS,
      intervalMs: 20,
    })
    expect(await isServing(registry)).toBe(true)
  })

  it('that reads no answer holds up nobody', async () => {
    await using registry = await impatientRegistry()
    const client = new Client(portOf(registry))
    await once(client.socket, 'connect')
    client.socket.pause()
    client.socket.write('GET /getCa HTTP/1.1\r\n\r\n'.repeat(2_000))
    expect(await isServing(registry)).toBe(true)
    client.socket.destroy()
  })

  it('that keeps its connection for later loses it when it is not used', async () => {
    await using registry = await impatientRegistry()
    const client = new Client(portOf(registry))
    await once(client.socket, 'connect')
    for (let call = 1; call <= 2; call++) {
      client.socket.write('GET /getCa HTTP/1.1\r\n\r\n')
      await waitFor(() => client.received.split('HTTP/1.1 200 OK').length === call + 1, {
        what: 'the answer',
        deadlineMs: DEADLINE_MS,
        intervalMs: 5,
      })
    }
    await waitFor(() => client.isClosed, {
      what: 'the server to close',
      deadlineMs: DEADLINE_MS,
      intervalMs: 20,
    })
  })
})

describe('a request that is too large', () => {
  const KIB = 1024
  it.each([
    ['a request line', `GET /isToken?token=${'x'.repeat(100 * KIB)} HTTP/1.1\r\n\r\n`, 431],
    ['a header', `GET /getCa HTTP/1.1\r\nX: ${'x'.repeat(100 * KIB)}\r\n\r\n`, 431],
    ['all headers', `GET /getCa HTTP/1.1\r\n${'X: xxxxxxxxxxxxxxxx\r\n'.repeat(5_000)}\r\n`, 431],
    ['the length of a body', `GET /getCa HTTP/1.1\r\nContent-Length: ${100 * KIB}\r\n\r\n`, 413],
    ['a body', `GET /getCa HTTP/1.1\r\nContent-Length: ${100 * KIB}\r\n\r\n${'x'.repeat(100 * KIB)}`, 413],
    ['a body without end', 'GET /getCa HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n', 413],
  ])('by %s is answered, and the connection closed; others are served', async (_, request, status) => {
    await using registry = await testRegistry()
    const answer = await rawExchange(portOf(registry), request, { untilClosed: true })
    expect(answer).toMatchObject({ status, isClosed: true })
    expect(await isServing(registry)).toBe(true)
  })

  it('by its target only is refused; the connection can be used again', async () => {
    await using registry = await testRegistry()
    const answer = await rawExchange(
      portOf(registry),
      `GET /isToken?token=${'x'.repeat(40 * KIB)} HTTP/1.1\r\n\r\n`,
    )
    expect(answer).toMatchObject({ status: 400, isClosed: false })
  })

  it('is none with a CSR for a key of 16384 bits', async () => {
    await using registry = await testRegistry()
    const answer = await rawExchange(
      portOf(registry),
      `GET /requestCertificate?token=none&req=${'%0A'.repeat(9 * KIB)} HTTP/1.1\r\n\r\n`,
    )
    expect(answer.status).toBe(204)
  })
})

describe('many clients at once', () => {
  it('are all served, each with a session of its own', async () => {
    await using registry = await testRegistry()
    const calls = Array.from({ length: 40 }, async () => {
      const pem = await new RegistryClient(registry.url).requestCertificate({ token: '', csr })
      const certificate = readNodeCertificate(pem ?? '')
      if (!certificate.ok) throw new Error(certificate.reason)
      const node = new RegistryClient(registry.url, { prefix: certificate.value.prefix, ...identity })
      const [present, ...configurations] = await Promise.all([
        node.renewCertificate(),
        node.getNetworkConfig(),
        node.getNetworkConfig(),
        node.getDh(),
      ])
      expect(present).toBe(pem)
      return configurations.length
    })
    expect(await Promise.all(calls)).toEqual(calls.map(() => 3))
  })

  it('shut out nobody when they say nothing: whose connection is idle for longest makes room', async () => {
    await using registry = await testRegistry({}, { serverLimits: { maxConnections: 3 } })
    const clients: Client[] = []
    for (let count = 0; count < 3; count++) {
      const client = new Client(portOf(registry))
      clients.push(client)
      await once(client.socket, 'connect')
    }
    for (let call = 0; call < 10; call++) expect(await isServing(registry)).toBe(true)
    await waitFor(() => clients[0]?.isClosed, { what: 'the first to be closed', deadlineMs: DEADLINE_MS })
  })

  it('are turned away when all that there may be are served; others come in when they leave', async () => {
    await using node = await FakeNode.start()
    await using registry = await testRegistry(
      {},
      { nodePort: node.port, serverLimits: { maxConnections: 2 } },
    )
    await new RegistryClient(registry.url).requestCertificate({ token: '', csr })
    const clients = [new Client(portOf(registry)), new Client(portOf(registry))]
    // Answered when the node has, or after three seconds.
    for (const client of clients) client.socket.write('GET /versions HTTP/1.1\r\n\r\n')
    await waitFor(() => node.asked.filter(isQuestion).length === 2, {
      what: 'the questions',
      deadlineMs: DEADLINE_MS,
    })
    expect((await rawExchange(portOf(registry), 'GET /getCa HTTP/1.1\r\n\r\n')).status).toBe(503)
    for (const { socket } of clients) socket.destroy()
    expect(await isServing(registry)).toBe(true)
  })
})

/** Nothing is given up sooner. */
const SHORTEST_PATIENCE_MS = 1_000

it('a node that is told to come back later goes on with its session: it says hello once', async () => {
  const nobody = { running: 0, runningPerSource: 0, runningStrangers: 0, waiting: 0, waitingPerSource: 1 }
  await using registry = await testRegistry({}, { serverLimits: { asking: nobody } })
  const pem = await new RegistryClient(registry.url).requestCertificate({ token: '', csr })
  const certificate = readNodeCertificate(pem ?? '')
  if (!certificate.ok) throw new Error(certificate.reason)
  const client = new RegistryClient(registry.url, { ...identity, prefix: certificate.value.prefix })
  for (let time = 0; time < 3; time++) {
    await client.getNetworkConfig()
    await expect(client.getBootstrapPeer()).rejects.toThrow('too busy')
  }
  const metrics = await (await fetch(new URL('metrics', registry.url))).text()
  expect(metrics).toMatch(/^re6st_registry_call_seconds_count\{method="hello",status="200"\} 1$/m)
  expect(metrics).toMatch(/^re6st_registry_call_seconds_count\{method="getBootstrapPeer",status="503"\} 3$/m)
})

describe('a question that no node answers', () => {
  it('holds up no other call, of the same node neither', async () => {
    await using node = await FakeNode.start()
    /** What waits for its time to be over; turns go on. */
    const overdue: (() => void)[] = []
    await using registry = await testRegistry(
      {},
      {
        nodePort: node.port,
        clock: {
          ...systemClock,
          after: (ms, action) => {
            if (ms < SHORTEST_PATIENCE_MS) return systemClock.after(ms, action)
            overdue.push(action)
            return { [Symbol.dispose]: () => {} }
          },
        },
      },
    )
    const anyone = new RegistryClient(registry.url)
    // The registry's own node, and one that asks.
    const prefixes = await Promise.all(
      [1, 2].map(async () => {
        const certificate = readNodeCertificate((await anyone.requestCertificate({ token: '', csr })) ?? '')
        return certificate.ok ? certificate.value.prefix : prefixOfBits('')
      }),
    )
    const asker = prefixes.find((prefix) => prefix.endsWith('1')) ?? prefixOfBits('')
    const client = () => new RegistryClient(registry.url, { prefix: asker, ...identity })
    const operate = async (method: string) => (await fetch(registry.url + method)).text()

    const unanswered = client().getBootstrapPeer()
    const versions = operate('versions')
    const topology = operate('topology')
    await waitFor(() => node.asked.filter(isQuestion).length === 3, {
      what: 'the questions',
      deadlineMs: DEADLINE_MS,
      intervalMs: 5,
    })
    expect(await client().getDh()).toContain('BEGIN DH')
    expect(await anyone.requestCertificate({ token: '', csr })).toContain('BEGIN CERTIFICATE')
    // A question that is answered is not behind one that is not.
    const own = '0'.repeat(32)
    node.answer = (question) =>
      question === Buffer.from(`${own}\0\x01`).toString('hex')
        ? [Buffer.from(`${own}\0\x01198.51.100.1,1194,tcp`).toString('hex')]
        : []
    expect(await client().getBootstrapPeer()).toMatchObject({ prefix: own })
    // The first one had the same question: it has the same answer.
    expect(await unanswered).toMatchObject({ prefix: own })
    // Some wait again: a version is told until it is asked for.
    for (const action of overdue.splice(0)) action()
    expect(JSON.parse(await versions)).toEqual({ [own]: null })
    expect(JSON.parse(await topology)).toEqual({ '': [] })
  })
})
