import { pino } from 'pino'
import { expect, it } from 'vitest'
import { SharedCertificates } from '../../../../src/core/tunnels/shared-certificates.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import type { ServerEvent, ServerSpec } from '../../../../src/node/transport/transport.ts'
import { ServedClients } from '../../../../src/node/tunnels/served-clients.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { neighboursOn } from '../../../support/tunnels.ts'

const [OWN, ONE, OTHER] = ['000', '001', '010'].map(prefixOfBits) as [Prefix, Prefix, Prefix]
const PLACE = { iface: 're6stnet-tcp', protocol: 'tcp', port: 1194 } as const

async function rig({ maxClients = 20, endsAtOnce = false } = {}) {
  const done: string[] = []
  const gone: string[] = []
  const told: unknown[] = []
  /** How much had been told to others when routing was. */
  const wasTold: number[] = []
  const revoked = new Set<bigint>()
  let spec: ServerSpec | undefined
  let changes = 0
  const logged: string[] = []
  const clock = steppedClock()
  const shared = new SharedCertificates()
  const clients = new ServedClients({
    transport: {
      async listen(given) {
        spec = given
        return {
          spec: given,
          traffic: new Map([[1, { receivedBytes: 10, sentBytes: 20 }]]),
          dropClient: (client, reason) => {
            done.push(`drop ${client}: ${reason}`)
            if (endsAtOnce)
              given.onEvent({ kind: 'client-down', client, peer: { prefix: ONE, serial: 2n }, reason })
          },
          retryNow() {},
          stop: async () => {},
        }
      },
    },
    router: {
      neighbours: ['fe80::1', 'fe80::2'].flatMap((address) =>
        neighboursOn(PLACE.iface).map((each) => ({ ...each, address })),
      ),
      neighbourGone: (iface, address) => {
        gone.push(`${address}%${iface}`)
        wasTold.push(told.length)
      },
    },
    nodes: { nodeAt: ({ address }) => (address === 'fe80::1' ? ONE : OTHER) },
    clock,
    log: pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }),
    sendSeen: (prefix, address) => void done.push(`seen ${prefix} ${address}`),
    onTunnel: ({ kind, peer, underlay, reason }) => void told.push([kind, peer, underlay, reason]),
    limits: {
      own: OWN,
      maxClients: () => maxClients,
      helloIntervalMs: () => 15_000,
      isRevoked: (serial) => revoked.has(serial),
    },
    strategy: {
      clientUp: (prefix) => void done.push(`up ${prefix}`),
      clientDown: (prefix) => void done.push(`down ${prefix}`),
    },
    shared,
    closing: { drainServer: async () => ({ async [Symbol.asyncDispose]() {} }) },
    onChange: () => changes++,
    signal: new AbortController().signal,
  })
  await clients.servers.start([PLACE])
  const event = (happened: ServerEvent) => spec?.onEvent(happened)
  const up = (client: number, prefix = ONE, serial = 2n, address = '203.0.113.1') =>
    event({
      ...{ kind: 'client-up', client, peer: { prefix, serial } },
      underlay: { address, port: 1000 },
    })
  const down = (client: number, prefix = ONE) =>
    event({ kind: 'client-down', client, peer: { prefix, serial: 2n }, reason: 'the connection ended' })
  const admit = (prefix = ONE, serial = 2n) =>
    spec?.admit({ prefix, serial }, { address: '203.0.113.1', port: 1000 }).admit
  return {
    clients,
    done,
    revoked,
    event,
    up,
    down,
    admit,
    changes: () => changes,
    gone,
    logged,
    clock,
    shared,
    told,
    wasTold,
  }
}

it('a client is shown with what passed, and the strategy is told that it came and went', async () => {
  const { clients, done, told, up, down, changes } = await rig()
  up(1)
  expect(clients.peers()).toEqual([ONE])
  expect(clients.ifacesOf(ONE)).toEqual(['re6stnet-tcp'])
  expect(clients.list()).toMatchObject([{ direction: 'server', state: 'up', prefix: ONE, sentBytes: 20 }])
  down(1)
  down(1)
  expect([clients.peers(), clients.list(), clients.ifacesOf(ONE)]).toEqual([[], [], []])
  expect(done).toEqual([`up ${ONE}`, `down ${ONE}`])
  expect(changes()).toBe(2)
  expect(told).toEqual([
    ['tunnel-up', ONE, '203.0.113.1', undefined],
    ['tunnel-down', ONE, '203.0.113.1', 'the connection ended'],
  ])
})

it('routing is told of one that is gone, and not of one that has connected again meanwhile', async () => {
  const { up, down, gone, told, wasTold } = await rig()
  up(1)
  up(2)
  down(1)
  expect(gone).toEqual([])
  down(2)
  expect(gone).toEqual(['fe80::1%re6stnet-tcp'])
  // Before anybody else: packets are lost until then.
  expect(wasTold).toEqual([told.length - 1])
})

it('one that has connected again ends its old tunnel, and takes no other place', async () => {
  const { done, up, down, admit } = await rig({ maxClients: 1 })
  up(1)
  expect([admit(ONE), admit(OTHER)]).toEqual([true, false])
  up(2)
  down(1)
  expect(done).toEqual(['up 001', 'drop 1: the peer has connected again', 'up 001', 'down 001'])
})

it('also where the old one is gone before it counts as connected', async () => {
  const { clients, done, gone, told, up } = await rig({ endsAtOnce: true })
  up(1)
  up(2, ONE, 2n, '203.0.113.9')
  expect(done).toEqual(['up 001', 'drop 1: the peer has connected again', 'down 001', 'up 001'])
  expect(told.map((event) => (event as string[])[0])).toEqual(['tunnel-up', 'tunnel-down', 'tunnel-up'])
  // What is known there is about the interface that it had.
  expect(gone).toEqual(['fe80::1%re6stnet-tcp'])
  expect(clients.list()).toMatchObject([{ underlay: { address: '203.0.113.9' } }])
})

it('whoever is revoked, or has our own certificate, is refused; the tunnels of revoked ones end', async () => {
  const { clients, done, revoked, up, admit } = await rig()
  up(1)
  up(2, OTHER, 3n)
  expect([admit(), admit(OWN)]).toEqual([true, false])
  revoked.add(3n)
  expect(admit(OTHER, 3n)).toBe(false)
  clients.endRevoked()
  expect(done.slice(2)).toEqual(['drop 2: the certificate was revoked'])
})

it('one that has moved is told at which address it is seen, if that is another one', async () => {
  const { clients, done, event, up } = await rig()
  const moved = (client: number, address: string, port: number) =>
    event({ kind: 'client-moved', client, peer: { prefix: ONE, serial: 2n }, underlay: { address, port } })
  up(1)
  moved(1, '203.0.113.1', 2000)
  moved(1, '203.0.113.2', 2000)
  moved(9, '203.0.113.3', 2000)
  expect(done.slice(1)).toEqual([`seen ${ONE} 203.0.113.2`])
  expect(clients.list()).toMatchObject([{ underlay: { address: '203.0.113.2', port: 2000 } }])
})

it('one that comes and goes all the time does not fill the log', async () => {
  const { up, down, logged } = await rig()
  for (let client = 1; client <= 100; client++) {
    up(client)
    down(client)
  }
  expect(logged.length).toBeLessThan(15)
  const before = logged.length
  up(101, OTHER)
  expect(logged.length).toBe(before + 1)
})

it('two machines with one certificate are noticed, written down once, and told', async () => {
  const { up, down, clock, shared, done, logged } = await rig()
  const known = () => shared.list(clock.monotonicMs())
  const addresses = ['203.0.113.1', '198.51.100.1']
  for (let client = 1; client <= 8; client++) {
    up(client, ONE, 2n, addresses[client % 2])
    down(client - 1)
    await clock.pass(10_000)
  }
  expect(known()).toMatchObject([{ prefix: ONE }])
  expect([...(known()[0]?.addresses ?? [])].sort()).toEqual([...addresses].sort())
  expect(done.filter((what) => what.startsWith('drop 1:'))).toEqual(['drop 1: the peer has connected again'])
  expect(done.filter((what) => what.startsWith('drop 7:'))[0]).toContain('in use twice')
  expect(logged.filter((line) => (JSON.parse(line) as { level: number }).level >= 40)).toHaveLength(1)
  await clock.pass(40 * 60_000)
  expect(known()).toEqual([])
})

it('one machine that goes to another uplink and back, or is restarted, is not taken for two', async () => {
  const { up, clock, shared } = await rig()
  for (const [at, address] of ['203.0.113.1', '203.0.113.2', '203.0.113.1', '203.0.113.3'].entries())
    up(at, ONE, 2n, address)
  for (let client = 10; client < 20; client++) up(client, OTHER)
  expect(shared.list(clock.monotonicMs())).toEqual([])
})

it('whoever comes with our own certificate shows that it is in use twice', async () => {
  const { admit, shared, clock } = await rig()
  expect([admit(OWN), admit(OWN)]).toEqual([false, false])
  expect(shared.list(clock.monotonicMs())).toMatchObject([{ prefix: OWN, addresses: ['203.0.113.1'] }])
})
