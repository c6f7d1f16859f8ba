import { describe, expect, it } from 'vitest'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { RemoteGateways, throughGateways } from '../../../src/node/remote-gateways.ts'
import type { ClientSpec, ServerSpec, Transport } from '../../../src/node/transport/transport.ts'
import { fc, test } from '../../support/property.ts'
import { silentLog } from '../../support/silent-log.ts'

/** A kernel that keeps the routes in a map, and refuses a second one to the same address. */
function fakeKernel(usable: (gateway: string) => boolean = () => true) {
  const routes = new Map<string, string>()
  return {
    routes,
    routeVia: async (address: string, gateway: string): Promise<AsyncDisposable> => {
      await Promise.resolve()
      if (!usable(gateway)) throw new Error('the gateway cannot be reached')
      if (routes.has(address)) throw new Error('there is a route already')
      routes.set(address, gateway)
      return {
        [Symbol.asyncDispose]: async () => {
          await Promise.resolve()
          routes.delete(address)
        },
      }
    },
  }
}

const GATEWAYS = ['192.168.1.1', '192.168.1.2']
const release = (route: AsyncDisposable) => route[Symbol.asyncDispose]()

describe('routes through remote gateways', () => {
  it('take the gateways in turn; who comes again takes another', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const first = await pool.acquire('203.0.113.1')
    await pool.acquire('203.0.113.2')
    await pool.acquire('203.0.113.3')
    expect([...kernel.routes.values()]).toEqual(['192.168.1.1', '192.168.1.2', '192.168.1.1'])
    await pool.acquire('203.0.113.4')
    await release(first)
    // It would be the turn of the one that it had.
    await pool.acquire('203.0.113.1')
    expect(kernel.routes.get('203.0.113.1')).toBe('192.168.1.2')
  })

  it('are shared, and stay until the last user has gone', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const [one, other] = await Promise.all([pool.acquire('203.0.113.1'), pool.acquire('203.0.113.1')])
    await release(one)
    await release(one)
    expect(kernel.routes.size).toBe(1)
    await release(other)
    expect(kernel.routes.size).toBe(0)
  })

  it('leave out a gateway that cannot be used; without any, packets go the usual way', async () => {
    const kernel = fakeKernel((gateway) => gateway !== '192.168.1.1')
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    await pool.acquire('203.0.113.1')
    await pool.acquire('203.0.113.2')
    expect([...kernel.routes.values()]).toEqual(['192.168.1.2', '192.168.1.2'])
    const none = new RemoteGateways({ kernel, log: silentLog, gateways: ['192.168.1.1'] })
    await release(await none.acquire('203.0.113.9'))
    expect(kernel.routes.size).toBe(2)
  })

  const step = fc.record({ remote: fc.constantFrom('203.0.113.1', '203.0.113.2'), isRelease: fc.boolean() })
  test('are there while somebody uses them, and never longer', fc.array(step), async (steps) => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const held: { readonly remote: string; readonly route: Promise<AsyncDisposable> }[] = []
    const released: Promise<void>[] = []
    for (const { remote, isRelease } of steps) {
      const at = held.findIndex((each) => each.remote === remote)
      const [last] = isRelease && at >= 0 ? held.splice(at, 1) : []
      // Not awaited: a route is asked for again while it is being removed.
      if (last) released.push(last.route.then(release))
      else if (!isRelease) held.push({ remote, route: pool.acquire(remote) })
    }
    await Promise.all([...released, ...held.map(({ route }) => route)])
    expect([...kernel.routes.keys()].sort()).toEqual([...new Set(held.map(({ remote }) => remote))].sort())
  })
})

describe('a tunnel through remote gateways', () => {
  /** A transport whose tunnels are up when the test says so. */
  function fakeTransport() {
    const begun: ClientSpec[] = []
    const transport: Transport = {
      listen: () => Promise.reject(new Error('not here')),
      connect(spec) {
        begun.push(spec)
        return {
          spec,
          traffic: { receivedBytes: 1, sentBytes: 2 },
          stop: async () => spec.onEvent({ kind: 'down', reason: 'stopped' }),
        }
      },
      configure() {},
      async stop() {},
    }
    return { begun, transport }
  }
  const anywhere = () => () => true
  const spec = (onEvent: ClientSpec['onEvent']): ClientSpec => ({
    iface: 're6stnet1',
    prefix: undefined,
    remotes: [
      { host: '203.0.113.1', port: 1194, protocol: 'tcp', country: undefined },
      { host: '203.0.113.1', port: 1195, protocol: 'udp', country: undefined },
      { host: '2001:db8::1', port: 1194, protocol: 'tcp6', country: undefined },
    ],
    onEvent,
  })

  it('begins when its routes are there, one for each IPv4 address, and takes them with it', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const { begun, transport } = fakeTransport()
    const down = new Promise<void>((resolve) => {
      const tunnel = throughGateways(transport, pool, silentLog, anywhere).connect(
        spec((event) => event.kind === 'down' && resolve()),
      )
      expect(begun).toEqual([])
      void expect
        .poll(() => begun.length)
        .toBe(1)
        .then(() => {
          expect([...kernel.routes.keys()]).toEqual(['203.0.113.1'])
          expect(tunnel.traffic).toEqual({ receivedBytes: 1, sentBytes: 2 })
          return tunnel.stop()
        })
    })
    await down
    await expect.poll(() => kernel.routes.size).toBe(0)
  })

  it('leaves names alone, and whoever is connected to a server of ours from there', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const { begun, transport } = fakeTransport()
    const servers: ServerSpec[] = []
    const through = throughGateways(
      {
        ...transport,
        listen: async (server) => {
          servers.push(server)
          return { spec: server, traffic: new Map(), dropClient() {}, async stop() {} }
        },
      },
      pool,
      silentLog,
      anywhere,
    )
    const heard: string[] = []
    await through.listen(
      {
        ...{ iface: 're6stnet-tcp', protocol: 'tcp', port: 1194, maxClients: 1 },
        admit: () => ({ admit: true }),
        onEvent: ({ kind }) => heard.push(kind),
      } as ServerSpec,
      new AbortController().signal,
    )
    const peer = { prefix: prefixOfBits('1'), serial: 1n }
    const client = { client: 1, peer, underlay: { address: '203.0.113.1', port: 40_000 } }
    servers[0]?.onEvent({ kind: 'client-up', ...client })
    expect(heard).toEqual(['client-up'])
    const { remotes } = spec(() => {})
    const named = { host: 'peer.example.com', port: 1194, protocol: 'tcp', country: undefined } as const
    through.connect({ ...spec(() => {}), remotes: [...remotes, named] })
    await expect.poll(() => begun.length).toBe(1)
    expect([...kernel.routes.keys()]).toEqual([])
    servers[0]?.onEvent({ kind: 'client-down', ...client, reason: 'gone' })
    through.connect(spec(() => {}))
    await expect.poll(() => begun.length).toBe(2)
    expect([...kernel.routes.keys()]).toEqual(['203.0.113.1'])
  })

  it('has no route to where the word of a peer is not enough to dial; the user may name anything', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const { begun, transport } = fakeTransport()
    const through = throughGateways(transport, pool, silentLog, () => (address) => address !== '203.0.113.1')
    const { remotes } = spec(() => {})
    const other = { host: '203.0.113.2', port: 1194, protocol: 'tcp', country: undefined } as const
    through.connect({ ...spec(() => {}), prefix: prefixOfBits('1'), remotes: [...remotes, other] })
    await expect.poll(() => begun.length).toBe(1)
    expect([...kernel.routes.keys()]).toEqual(['203.0.113.2'])
    through.connect(spec(() => {}))
    await expect.poll(() => begun.length).toBe(2)
    expect([...kernel.routes.keys()]).toEqual(['203.0.113.2', '203.0.113.1'])
  })

  it('has failed when the addresses of this machine cannot be read', async () => {
    const pool = new RemoteGateways({ kernel: fakeKernel(), log: silentLog, gateways: GATEWAYS })
    const { begun, transport } = fakeTransport()
    const reasons: string[] = []
    const unreadable = () => {
      throw new Error('too many open files')
    }
    const tunnel = throughGateways(transport, pool, silentLog, unreadable).connect({
      ...spec((event) => event.kind === 'down' && reasons.push(event.reason)),
      prefix: prefixOfBits('1'),
    })
    await tunnel.stop()
    expect([begun, reasons]).toEqual([[], ['too many open files']])
  })

  it('that is stopped before its routes are there never begins, and leaves none', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const { begun, transport } = fakeTransport()
    const events: string[] = []
    const tunnel = throughGateways(transport, pool, silentLog, anywhere).connect(
      spec(({ kind }) => events.push(kind)),
    )
    await tunnel.stop()
    expect(events).toEqual(['down'])
    expect(begun).toEqual([])
    await expect.poll(() => kernel.routes.size).toBe(0)
  })
})
