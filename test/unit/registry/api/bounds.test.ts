import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { setAdministrator } from '../../../../src/registry/api/access/administrators.ts'
import { boundConnections } from '../../../../src/registry/api/bounded-connections.ts'
import { API_LIMITS } from '../../../../src/registry/api/limits.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { Connections } from '../../../../src/registry/server/connections.ts'
import { Sources } from '../../../../src/registry/server/sources.ts'
import { emptyDatabase } from '../../../support/databases.ts'
import { localApi, temporaryDirectory, testRegistry } from '../../../support/registry.ts'

const PASSWORD = 'correct horse battery'
/** Addresses of loopback but the first count as those of other machines. */
const PROXY = '127.0.0.9'
const DEADLINE_MS = 20_000

let registry: Awaited<ReturnType<typeof testRegistry>>
const sockets: Socket[] = []

beforeAll(async () => {
  const databasePath = await emptyDatabase({ isShared: true })
  const store = await openStore(databasePath)
  const ann = { name: 'ann', role: 'look', password: PASSWORD } as const
  await setAdministrator(store, { name: 'test', from: undefined }, ann, Date.now())
  await store[Symbol.asyncDispose]()
  registry = await testRegistry({
    databasePath,
    trustedProxies: [PROXY],
    api: localApi(),
  })
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  await registry?.[Symbol.asyncDispose]()
})

/** A connection on which nothing is asked. */
const silent = async (source: string): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port: registry.pagePort ?? 0, localAddress: source })
  socket.on('error', () => {})
  sockets.push(socket)
  await once(socket, 'connect')
  return socket
}

/** Asks; of a stream, only the status. */
const ask = (
  source: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string } = {},
) =>
  new Promise<{ status: number | undefined; cookie: string; close: () => void }>((resolve, reject) => {
    const outgoing = request(
      {
        ...{ host: '127.0.0.1', port: registry.pagePort, localAddress: source, path, agent: false },
        method: options.body === undefined ? 'GET' : 'POST',
        headers: { 'Content-Type': 'application/json', ...options.headers },
      },
      (answer) => {
        answer.on('error', () => {}).resume()
        const [cookie = ''] = answer.headers['set-cookie'] ?? []
        resolve({
          status: answer.statusCode,
          cookie: cookie.split(';')[0] ?? '',
          close: () => outgoing.destroy(),
        })
      },
    )
    outgoing.on('error', reject).end(options.body)
  })

describe('connections of the page on which nothing is asked', () => {
  it('make room: of one source for its newer ones, and in all for whoever comes', async () => {
    const ofOne: Socket[] = []
    for (let count = 0; count < API_LIMITS.maxConnectionsPerSource + 5; count++)
      ofOne.push(await silent('127.0.0.2'))
    await waitFor(() => ofOne.filter(({ closed }) => closed).length === 5, {
      ...{ what: 'the oldest to be closed', deadlineMs: DEADLINE_MS, intervalMs: 10 },
    })
    for (let count = 0; count < API_LIMITS.maxConnections; count++)
      await silent(`127.0.1.${1 + (count % 250)}`)
    expect((await ask('127.0.0.3', '/api/v1/openapi.json')).status).toBe(200)
  })
})

describe('calls that wait for no answer', () => {
  it('end their connection, and others are answered', async () => {
    const socket = await silent('127.0.0.5')
    let text = ''
    socket.on('data', (part: Buffer) => {
      text += part.toString('latin1')
    })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write('GET /api/v1/session/methods HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(3_000))
    await closed
    expect(text.split('HTTP/1.1 ').length - 1).toBeLessThanOrEqual(API_LIMITS.unansweredOfConnection)
    expect((await ask('127.0.0.3', '/api/v1/session/methods')).status).toBe(200)
  })

  it('are not heard over ever new connections either', async () => {
    const server = createServer((_, response) => response.end('x'))
    boundConnections(server, {
      ...{ connections: new Connections(API_LIMITS), isShared: () => false, handshakes: undefined },
      sources: new Sources(API_LIMITS),
      clock: { ...systemClock, monotonicMs: () => 0 },
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const answered = () =>
      new Promise<boolean>((resolve) => {
        request({ host: '127.0.0.1', port, agent: false }, (answer) => {
          answer.resume().on('end', () => resolve(true))
        })
          .on('error', () => resolve(false))
          .end()
      })
    try {
      let count = 0
      while (await answered()) count += 1
      expect(count).toBe(API_LIMITS.callsAtOnce)
    } finally {
      server.close()
    }
  })
})

describe('a call that came behind another one', () => {
  it('is read to its end when it is answered, also of a stranger among many', async () => {
    const server = createServer((incoming, response) => {
      let length = 0
      incoming.on('data', (part: Buffer) => {
        length += part.length
      })
      incoming.on('end', () => response.end(`${length} octets`))
    })
    boundConnections(server, {
      ...{ connections: new Connections(API_LIMITS), isShared: () => false, handshakes: undefined },
      ...{ sources: new Sources(API_LIMITS), clock: systemClock },
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const open = async (localAddress: string) => {
      const socket = connect({ host: '127.0.0.1', port, localAddress }).on('error', () => {})
      sockets.push(socket)
      await once(socket, 'connect')
      return socket
    }
    try {
      // So many that each waits for its turn.
      for (let count = 0; count < 3 * API_LIMITS.reading.readAtOnce; count++)
        await open(`127.0.7.${1 + count}`)
      const socket = await open('127.0.0.7')
      let answers = ''
      socket.on('data', (part: Buffer) => {
        answers += part.toString('latin1')
      })
      const [get, post] = [
        'GET / HTTP/1.1\r\nHost: a\r\n',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n',
      ]
      socket.write(`${get}\r\n${post}\r\n${'x'.repeat(300_000)}`)
      await waitFor(() => answers.includes('300000 octets'), {
        ...{ what: 'both to be answered', deadlineMs: DEADLINE_MS / 2, intervalMs: 10 },
      })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})

/** Fewer than there are, so that all are soon there. */
const FEW = { maxConnections: 16, maxConnectionsPerSource: 8 }

describe('all connections that there may be', () => {
  /** All are taken by others; then somebody else asks. */
  const askedBeside = async (
    first: string,
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ) => {
    let begun = 0
    const server = createServer((incoming, response) => {
      if (incoming.url === '/honest') return void response.end('x')
      begun += 1
      answer(incoming, response)
    })
    boundConnections(server, {
      ...{ connections: new Connections(FEW), isShared: () => false, handshakes: undefined },
      // What comes is read at once.
      sources: { isHeard: () => true, isKnown: () => true },
      clock: systemClock,
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const others: Socket[] = []
    try {
      for (let count = 0; count < FEW.maxConnections; count++) {
        const socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.2.${1 + count}` })
        others.push(socket.on('error', () => {}).pause())
        await once(socket, 'connect')
        socket.write(first)
      }
      await waitFor(() => begun === FEW.maxConnections, {
        ...{ what: 'all of them to be read', deadlineMs: DEADLINE_MS, intervalMs: 10 },
      })
      return await fetch(`http://127.0.0.1:${port}/honest`).then(
        ({ status }) => status,
        () => 'not answered',
      )
    } finally {
      for (const socket of others) socket.destroy()
      server.close()
    }
  }

  it('shut out nobody when what is asked on them never comes to its end', async () => {
    const begun = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{'
    expect(
      await askedBeside(begun, (incoming, response) => incoming.resume().on('end', () => response.end())),
    ).toBe(200)
  })

  it('shut out nobody when their clients do not read what they are answered', async () => {
    const much = Buffer.alloc(8 * 1024 * 1024)
    const asked = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
    expect(await askedBeside(asked, (_, response) => response.end(much))).toBe(200)
  })
})

describe('whoever signs in', () => {
  const body = JSON.stringify({ name: 'ann', password: PASSWORD })

  it('through a proxy is in the audit log with the address that the proxy has seen, not with another one', async () => {
    const headers = { 'X-Forwarded-For': '198.51.100.99, 192.0.2.77' }
    const { cookie } = await ask(PROXY, '/api/v1/session', { body, headers })
    const log = await fetch(
      `http://127.0.0.1:${registry.pagePort}/api/v1/audit?limit=1&action=session.begun`,
      {
        headers: { cookie },
      },
    )
    expect(await log.json()).toMatchObject({ items: [{ who: 'ann', from: '192.0.2.77' }] })
  })

  it('by the Unix socket that a proxy has is told apart from others who do', async () => {
    const socketPath = join(temporaryDirectory(), 'page.socket')
    await using _ = await testRegistry({
      api: localApi({ listener: { kind: 'socket', path: socketPath } }),
    })
    const attempt = (client: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const wrong = JSON.stringify({ name: `nobody-${client}`, password: 'x' })
        const headers = { 'Content-Type': 'application/json', 'X-Forwarded-For': client, Host: 'localhost' }
        request({ socketPath, path: '/api/v1/session', method: 'POST', headers, agent: false }, (answer) =>
          answer.resume().on('end', () => resolve(answer.statusCode)),
        )
          .on('error', reject)
          .end(wrong)
      })
    const statuses: (number | undefined)[] = []
    for (let count = 0; count < 11; count++) statuses.push(await attempt('192.0.2.1'))
    expect(statuses).toEqual([...Array<number>(10).fill(401), 429])
    expect(await attempt('192.0.2.2')).toBe(401)
  })
})

describe('streams of changes', () => {
  it('are counted for each client, not for the proxy that it comes through', async () => {
    const body = JSON.stringify({ name: 'ann', password: PASSWORD })
    const { cookie } = await ask('127.0.0.4', '/api/v1/session', { body })
    const open = (client: string) =>
      ask(PROXY, '/api/v1/topology/events', { headers: { cookie, 'X-Forwarded-For': client } })
    const streams = await Promise.all(
      Array.from({ length: API_LIMITS.streamsPerSource + 3 }, () => open('192.0.2.1')),
    )
    expect(streams.filter(({ status }) => status === 200)).toHaveLength(API_LIMITS.streamsPerSource)
    expect(streams.filter(({ status }) => status === 503)).toHaveLength(3)
    const other = await open('192.0.2.2')
    expect(other.status).toBe(200)
    for (const { close } of [...streams, other]) close()
  })
})
