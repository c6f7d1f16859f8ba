import { describe, expect, it } from 'vitest'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { RemoteGateways } from '../../../../src/node/remote-gateways.ts'
import { throughGateways } from '../../../../src/node/transport/through-gateways.ts'
import type { ClientSpec, ServerSpec, Transport } from '../../../../src/node/transport/transport.ts'
import { fakeKernel, GATEWAYS } from '../../../support/kernel-with-gateways.ts'
import { silentLog } from '../../../support/silent-log.ts'

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
          return { spec: server, traffic: new Map(), dropClient() {}, retryNow() {}, async stop() {} }
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
