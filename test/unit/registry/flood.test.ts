import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { HMAC_HEADER, type MethodName } from '../../../src/core/rpc/methods.ts'
import { nextSecret, requestHmac } from '../../../src/core/rpc/session.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { CaCryptography } from '../../../src/registry/crypto/cryptography.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { rawExchange } from '../../support/recorded-registry.ts'
import { testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const identity = {
  caPublicKey: new X509Certificate(pki.ca).publicKey,
  decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
}
const WAIT = { deadlineMs: 30_000, intervalMs: 5 }
const [ATTACKER, HONEST, OPERATOR] = ['127.0.0.2', '127.0.0.3', '127.0.0.4']

/** A registry whose hellos take as long as the test likes; each prefix that begins to be computed is kept. */
async function heldRegistry(
  { serverLimits, ...components }: Parameters<typeof testRegistry>[1] = {},
  settings: Parameters<typeof testRegistry>[0] = {},
) {
  const held: (() => void)[] = []
  let isHolding = false
  let begun = 0
  class HeldCryptography extends CaCryptography {
    override async hello(certificatePem: string) {
      begun++
      if (isHolding) await new Promise<void>((resolve) => held.push(resolve))
      return super.hello(certificatePem)
    }
  }
  const registry = await testRegistry(
    { registration: { mailPrefixLength: 0, anonymousPrefixLength: 16 }, ...settings },
    {
      ...components,
      cryptography: (keys) => new HeldCryptography(keys),
      serverLimits: {
        ...serverLimits,
        computing: {
          running: 2,
          runningPerSource: 2,
          runningStrangers: 2,
          waiting: 16,
          waitingPerSource: 8,
        },
      },
    },
  )
  const port = registry.addresses[0]?.port ?? 0
  const enrol = async () => {
    const pem = await new RegistryClient(registry.url).requestCertificate({ token: '', csr })
    const certificate = readNodeCertificate(pem ?? '')
    if (!certificate.ok) throw new Error(certificate.reason)
    return certificate.value
  }
  const node = await enrol()
  return {
    url: registry.url,
    port,
    node,
    enrol,
    hello: `GET /hello?client_prefix=${node.prefix}&protocol=10 HTTP/1.1\r\n\r\n`,
    /** How many hellos were begun. */
    begun: () => begun,
    hold: () => {
      isHolding = true
    },
    /** Lets one end. */
    release: () => held.shift()?.(),
    releaseAll: () => {
      isHolding = false
      for (const release of held.splice(0)) release()
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

class Client {
  readonly socket: Socket
  received = ''
  isClosed = false

  constructor(port: number, localAddress: string, request: string) {
    this.socket = connect({ host: '127.0.0.1', port, localAddress })
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1')
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
    })
    this.socket.write(request)
  }
}

/** Calls methods in a session of the registry's node, from another address than ours. */
async function sessionOf(
  { port, node, hello }: Pick<Awaited<ReturnType<typeof heldRegistry>>, 'port' | 'node' | 'hello'>,
  source: string,
) {
  const { body } = await rawExchange(port, hello, { source })
  let secret = identity.decrypt(body.subarray(0, body.length / 2))
  return (method: MethodName, from = source) => {
    const target = `/${method}?cn=${node.prefix}`
    const hmac = requestHmac(secret, target).toString('base64')
    secret = nextSecret(secret)
    return rawExchange(port, `GET ${target} HTTP/1.1\r\n${HMAC_HEADER}: ${hmac}\r\n\r\n`, { source: from })
  }
}

const address = (number: number): string => `127.1.${number >> 8}.${number & 0xff}`

describe('a flood', () => {
  it('of requests on one connection is answered, and cut off; its source is not heard for a while', async () => {
    await using registry = await heldRegistry()
    registry.hold()
    const flood = new Client(registry.port, ATTACKER, registry.hello.repeat(1_500))
    await waitFor(() => registry.begun() === 1, { what: 'the first of them', ...WAIT })
    registry.releaseAll()
    await waitFor(() => flood.isClosed, { what: 'the connection to be closed', ...WAIT })
    expect(flood.received).toContain('HTTP/1.1 429 ')
    // One after another, and none of those behind.
    expect(registry.begun()).toBeLessThanOrEqual(2)
    const again = await rawExchange(registry.port, registry.hello, { source: ATTACKER })
    expect(again).toMatchObject({ status: 429, headers: { 'retry-after': '2' } })
    const honest = await rawExchange(registry.port, registry.hello, { source: HONEST })
    expect(honest.status).toBe(200)
  })

  it('on many connections of one source waits for itself: another is served in its turn', async () => {
    await using registry = await heldRegistry()
    registry.hold()
    const flood = Array.from({ length: 30 }, () => new Client(registry.port, ATTACKER, registry.hello))
    const refused = () => flood.filter(({ received }) => received.startsWith('HTTP/1.1 429 ')).length
    // Two are computed, eight wait.
    await waitFor(() => refused() === 20, { what: 'the others to be refused', ...WAIT })
    const honest = rawExchange(registry.port, registry.hello, { source: HONEST })
    let isAnswered = false
    const answered = honest.finally(() => {
      isAnswered = true
    })
    // Who waits is seen by what is still refused: the place of the honest one is its own.
    await waitFor(
      () => {
        registry.release()
        return isAnswered
      },
      { what: 'the honest one to be answered', ...WAIT },
    )
    expect((await answered).status).toBe(200)
    expect(registry.begun()).toBeLessThanOrEqual(13)
    registry.releaseAll()
    for (const { socket } of flood) socket.destroy()
  })

  it('from many sources shuts out no node that was there before, and no operator', async () => {
    await using registry = await heldRegistry()
    const second = await registry.enrol()
    // The first one is a node that the registry knows.
    const node = new RegistryClient(registry.url, { prefix: registry.node.prefix, ...identity })
    await node.getNetworkConfig()
    registry.hold()
    const before = registry.begun()
    const flood = Array.from(
      { length: 40 },
      (_, number) => new Client(registry.port, address(number), registry.hello),
    )
    const refused = () => flood.filter(({ received }) => received.startsWith('HTTP/1.1 503 ')).length
    await waitFor(() => refused() === 40 - 2 - 16, { what: 'some to be turned away', ...WAIT })
    expect(registry.begun() - before).toBe(2)
    const revoked = rawExchange(registry.port, `GET /revoke?cn_or_serial=${second.serial} HTTP/1.1\r\n\r\n`)
    const calls = Promise.all([revoked, node.renewCertificate()])
    let isDone = false
    void calls.finally(() => {
      isDone = true
    })
    // They come in as soon as a place is free: not one after all who wait.
    await waitFor(
      () => {
        if (!isDone) registry.release()
        return isDone
      },
      { what: 'both to be answered', ...WAIT, intervalMs: 50 },
    )
    const [{ status }, pem] = await calls
    expect(status).toBe(204)
    expect(pem).toContain('BEGIN CERTIFICATE')
    registry.releaseAll()
    for (const { socket } of flood) socket.destroy()
  })

  it('from many sources is read a few at a time, and nodes that were there before, and operators, at any time', async () => {
    const turns: (() => void)[] = []
    await using registry = await heldRegistry(
      {
        clock: {
          ...systemClock,
          after: (_, action) => {
            turns.push(action)
            return { [Symbol.dispose]: () => {} }
          },
        },
        serverLimits: { readAtOnce: 4, turnMs: 0 },
      },
      { authorizedOrigins: [OPERATOR] },
    )
    const ask = await sessionOf(registry, HONEST)
    expect((await ask('getDh')).status).toBe(200)
    const getCa = 'GET /getCa HTTP/1.1\r\n\r\n'
    const flood = Array.from({ length: 40 }, (_, number) => new Client(registry.port, address(number), getCa))
    const answered = () => flood.filter(({ received }) => received.startsWith('HTTP/1.1 200 ')).length
    await waitFor(() => answered() === 4, { what: 'the first four', ...WAIT })
    expect((await ask('getDh')).status).toBe(200)
    const isToken = 'GET /isToken?token=x HTTP/1.1\r\n\r\n'
    expect((await rawExchange(registry.port, isToken, { source: OPERATOR })).status).toBe(204)
    expect(answered()).toBe(4)
    await waitFor(
      () => {
        for (const turn of turns.splice(0)) turn()
        return answered() === 40
      },
      { what: 'all to have had their turn', ...WAIT },
    )
    for (const { socket } of flood) socket.destroy()
  })

  it('of new connections from one source is turned away before it is read; soon without a word', async () => {
    await using registry = await testRegistry(
      {},
      { serverLimits: { callsPerSecond: 0.001, callsAtOnce: 3, turnedAwayPerSecond: 1 } },
    )
    const port = registry.addresses[0]?.port ?? 0
    const clients: Client[] = []
    for (let count = 0; count < 5; count++) {
      const client = new Client(port, ATTACKER, '')
      clients.push(client)
      await once(client.socket, 'connect')
    }
    await waitFor(() => clients.slice(3).every(({ isClosed }) => isClosed), {
      what: 'two to be closed',
      ...WAIT,
    })
    expect(clients.map(({ received }) => received.slice(0, 13))).toEqual(['', '', '', 'HTTP/1.1 429 ', ''])
    const { status } = await rawExchange(port, 'GET /getCa HTTP/1.1\r\n\r\n', { source: HONEST })
    expect(status).toBe(200)
    for (const { socket } of clients) socket.destroy()
  })

  it('of connections that say nothing shuts out nobody', async () => {
    await using registry = await testRegistry(
      {},
      { serverLimits: { maxConnections: 50, maxConnectionsPerSource: 10 } },
    )
    const port = registry.addresses[0]?.port ?? 0
    const silent = [
      ...Array.from({ length: 30 }, () => new Client(port, ATTACKER, 'GET /hello')),
      ...Array.from({ length: 100 }, (_, number) => new Client(port, address(number), 'GET /hello')),
    ]
    await Promise.all(silent.map(({ socket }) => socket.readyState === 'open' || once(socket, 'connect')))
    const { status } = await rawExchange(port, 'GET /getCa HTTP/1.1\r\n\r\n', { source: HONEST })
    expect(status).toBe(200)
    await waitFor(() => silent.filter(({ isClosed }) => !isClosed).length <= 50, {
      what: 'those that are too many to be closed',
      ...WAIT,
    })
    for (const { socket } of silent) socket.destroy()
  })

  it('of calls of one source beyond what anybody needs is answered by 429', async () => {
    await using registry = await testRegistry({}, { serverLimits: { callsPerSecond: 0.001, callsAtOnce: 3 } })
    const port = registry.addresses[0]?.port ?? 0
    const statuses: (number | undefined)[] = []
    for (let count = 0; count < 5; count++)
      statuses.push((await rawExchange(port, 'GET /getCa HTTP/1.1\r\n\r\n', { source: ATTACKER })).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429])
    // This machine's own programs are not counted.
    for (let count = 0; count < 5; count++) await new RegistryClient(registry.url).getCa()
  })
})

describe('calls of one node from many addresses', () => {
  it('wait for each other: those of another node are served in their turn', async () => {
    let goOn = () => {}
    const routes = new Promise<never[]>((resolve) => {
      goOn = () => resolve([])
    })
    const asking = { running: 4, runningPerSource: 2, runningStrangers: 4, waiting: 4, waitingPerSource: 2 }
    const databasePath = await emptyDatabase()
    await using looking = await openStore(databasePath)
    await using registry = await heldRegistry(
      { reachable: () => ({ list: () => routes }), serverLimits: { asking } },
      { databasePath },
    )
    const second = await registry.enrol()
    const loud = await sessionOf(registry, ATTACKER)
    const quiet = await sessionOf(
      {
        ...registry,
        node: second,
        hello: `GET /hello?client_prefix=${second.prefix}&protocol=10 HTTP/1.1\r\n\r\n`,
      },
      HONEST,
    )
    const statuses: (number | undefined)[] = []
    const flood: Promise<unknown>[] = []
    const sessions = () => looking.all('SELECT * FROM session ORDER BY prefix')
    for (let number = 0; number < 12; number++) {
      const before = await sessions()
      flood.push(loud('getBootstrapPeer', address(number)).then(({ status }) => statuses.push(status)))
      // Each of its HMACs counts after the one before: by this answer, the registry has heard it.
      await rawExchange(registry.port, 'GET /getCa HTTP/1.1\r\n\r\n', { source: address(number) })
      // Or by what it has told the others.
      if (looking.isShared) await expect.poll(sessions).not.toEqual(before)
    }
    await waitFor(() => statuses.length >= 12 - asking.running - asking.waiting, {
      what: 'those that are too many to be refused',
      ...WAIT,
    })
    const honest = quiet('getBootstrapPeer')
    await Promise.race([
      honest,
      waitFor(() => statuses.length >= 8, { what: 'the others to be refused', ...WAIT }),
    ])
    goOn()
    expect((await honest).status).toBe(204)
    await Promise.all(flood)
    expect(statuses.filter((status) => status === 429)).toHaveLength(8)
  })
})

describe('a call that waits', () => {
  it('is never begun when its client has gone', async () => {
    await using registry = await heldRegistry()
    registry.hold()
    const clients = Array.from(
      { length: 6 },
      (_, number) => new Client(registry.port, address(number), registry.hello),
    )
    await waitFor(() => registry.begun() === 2, { what: 'two to be begun', ...WAIT })
    for (const { socket } of clients) socket.destroy()
    // By the time that these are answered, the registry has seen it.
    for (let call = 0; call < 3; call++) await new RegistryClient(registry.url).getCa()
    // Served after all that came before it and stayed.
    const honest = rawExchange(registry.port, registry.hello, { source: HONEST })
    await waitFor(
      () => {
        registry.release()
        return registry.begun() === 3
      },
      { what: 'the honest one to be begun', ...WAIT },
    )
    registry.releaseAll()
    expect((await honest).status).toBe(200)
    expect(registry.begun()).toBe(3)
  })
})

describe('a listener for private methods', () => {
  it('has them alone, also as a Unix socket', async () => {
    const { temporaryDirectory } = await import('../../support/registry.ts')
    const path = `${temporaryDirectory()}/private.sock`
    for (let start = 0; start < 2; start++) {
      await using registry = await testRegistry({ privateListener: { kind: 'socket', path } })
      const asked = 'GET /isToken?token=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
      expect((await rawExchange(registry.addresses[0]?.port ?? 0, asked)).status).toBe(403)
      const socket = connect(path)
      socket.write(asked)
      let received = ''
      socket.on('data', (chunk) => {
        received += chunk
      })
      await once(socket, 'close')
      expect(received).toMatch(/^HTTP\/1\.1 204 /)
    }
  })
})
