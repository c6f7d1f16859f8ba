import { pino } from 'pino'
import { expect, it } from 'vitest'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import type { ServerEvent, ServerSpec } from '../../../../src/node/transport/transport.ts'
import { ServedClients } from '../../../../src/node/tunnels/served-clients.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const [OWN, ONE, OTHER] = ['000', '001', '010'].map(prefixOfBits) as [Prefix, Prefix, Prefix]
const PLACE = { iface: 're6stnet-tcp', protocol: 'tcp', port: 1194 } as const

async function rig({ maxClients = 20 } = {}) {
  const done: string[] = []
  const revoked = new Set<bigint>()
  let spec: ServerSpec | undefined
  let changes = 0
  const logged: string[] = []
  const clock = steppedClock()
  const clients = new ServedClients({
    transport: {
      async listen(given) {
        spec = given
        return {
          spec: given,
          traffic: new Map([[1, { receivedBytes: 10, sentBytes: 20 }]]),
          dropClient: (client, reason) => void done.push(`drop ${client}: ${reason}`),
          stop: async () => {},
        }
      },
    },
    clock,
    log: pino({ level: 'info' }, { write: (line: string) => void logged.push(line) }),
    sendSeen: (prefix, address) => void done.push(`seen ${prefix} ${address}`),
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
    onChange: () => changes++,
    signal: new AbortController().signal,
  })
  await clients.servers.start([PLACE])
  const event = (happened: ServerEvent) => spec?.onEvent(happened)
  const up = (client: number, prefix = ONE, serial = 2n) =>
    event({
      ...{ kind: 'client-up', client, peer: { prefix, serial } },
      underlay: { address: '203.0.113.1', port: 1000 },
    })
  const down = (client: number, prefix = ONE) =>
    event({ kind: 'client-down', client, peer: { prefix, serial: 2n }, reason: 'the connection ended' })
  const admit = (prefix = ONE, serial = 2n) =>
    spec?.admit({ prefix, serial }, { address: '203.0.113.1', port: 1000 }).admit
  return { clients, done, revoked, event, up, down, admit, changes: () => changes, logged, clock }
}

it('a client is shown with what passed, and the strategy is told that it came and went', async () => {
  const { clients, done, up, down, changes } = await rig()
  up(1)
  expect(clients.peers()).toEqual([ONE])
  expect(clients.ifacesOf(ONE)).toEqual(['re6stnet-tcp'])
  expect(clients.list()).toMatchObject([{ direction: 'server', state: 'up', prefix: ONE, sentBytes: 20 }])
  down(1)
  down(1)
  expect([clients.peers(), clients.list(), clients.ifacesOf(ONE)]).toEqual([[], [], []])
  expect(done).toEqual([`up ${ONE}`, `down ${ONE}`])
  expect(changes()).toBe(2)
})

it('one that has connected again ends its old tunnel, and takes no other place', async () => {
  const { done, up, down, admit } = await rig({ maxClients: 1 })
  up(1)
  expect([admit(ONE), admit(OTHER)]).toEqual([true, false])
  up(2)
  down(1)
  expect(done).toEqual(['up 001', 'drop 1: the peer has connected again', 'up 001', 'down 001'])
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
