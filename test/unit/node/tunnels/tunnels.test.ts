import { describe, expect, it } from 'vitest'
import type { ProposedPeer, TunnelStrategy } from '../../../../src/core/tunnels/decisions.ts'
import { FixedRemotes } from '../../../../src/core/tunnels/fixed-remotes.ts'
import { NO_NEIGHBOUR } from '../../../../src/core/tunnels/patience.ts'
import { TunnelPolicy } from '../../../../src/core/tunnels/policy.ts'
import { type PeerAddress, parseAddressList } from '../../../../src/core/values/address-list.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import type { Neighbour, RoutingChange } from '../../../../src/node/routing/router.ts'
import type { ClientEvent, ServerEvent } from '../../../../src/node/transport/transport.ts'
import type { TunnelComponents, TunnelEvent } from '../../../../src/node/tunnels/components.ts'
import { Tunnels } from '../../../../src/node/tunnels/tunnels.ts'
import type { Clock } from '../../../../src/platform/clock.ts'
import { seededRandom } from '../../../support/random.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { neighboursOn, recordingTransport, routerWith, tunnelSettings } from '../../../support/tunnels.ts'

const OWN = prefixOfBits('0000000000000000')
const PEERS = ['0000000000000001', '0000000000000010'].map(prefixOfBits)
const { addresses: ADDRESSES } = parseAddressList('203.0.113.1,1194,tcp;203.0.113.1,1194,udp')
const REMOTE = { address: '203.0.113.1', port: 1194, protocol: 'tcp' } as const

const HELLO_MS = 15_000
type UnderlayRemote = Extract<ClientEvent, { kind: 'up' }>['remote']

const SETTINGS = tunnelSettings({ registryPrefix: PEERS[0] ?? OWN, helloIntervalMs: HELLO_MS })

/** A node that knows two peers from its cache, and begins a tunnel to each. */
async function rig({
  strategy,
  setCost = async () => {},
}: {
  readonly strategy?: (clock: Clock) => TunnelStrategy
  readonly setCost?: TunnelComponents['router']['setCost']
} = {}) {
  const asked = new Map<string, (isThere: boolean) => void>()
  const stored = new Map<Prefix, readonly PeerAddress[]>()
  const external: [string, string | undefined][] = []
  const revoked = new Set<bigint>()
  const heard = new Set(['re6stnet', 're6stnet1', 're6stnet2'])
  const neighbours: Neighbour[] = neighboursOn('re6stnet', 're6stnet1', 're6stnet2')
  const watchers = new Set<(change: RoutingChange) => void>()
  const reachable = new Set<Prefix>()
  const registry: ((peer: ProposedPeer | undefined) => void)[] = []
  const dropped: number[] = []
  const told: TunnelEvent[] = []
  const gone: string[] = []
  const remembered = new Set<string>()
  let cutOffs = 0
  let onServerEvent: (event: ServerEvent) => void = () => {}
  const transport = recordingTransport()
  const clock = steppedClock()
  const tunnels = new Tunnels(
    {
      transport: {
        ...transport,
        async listen(spec) {
          onServerEvent = spec.onEvent
          const dropClient = (client: number) => void dropped.push(client)
          return { spec, traffic: new Map(), dropClient, retryNow() {}, stop: async () => {} }
        },
      },
      clock,
      random: seededRandom(1),
      router: {
        ...routerWith(neighbours),
        watch(listener) {
          watchers.add(listener)
          return { [Symbol.dispose]: () => void watchers.delete(listener) }
        },
        isNameFree: (iface) => !remembered.has(iface),
        setCost,
        neighbourGone: (iface, address) => void gone.push(`${address}%${iface}`),
      },
      nodes: {
        isReachable: (prefix) => reachable.has(prefix),
        get size() {
          return reachable.size
        },
        isNeighbour: () => false,
        neighbourChanges: Number.NaN,
        sendsTo: () => false,
        nodeAt: () => undefined,
        hasDoubtedOn: () => false,
        hasNeighbourOn: (iface) => heard.has(iface),
        mayHaveNeighbourOn: (iface) => heard.has(iface),
        sample: () => [...reachable][0],
        countOver: () => 0,
        subnetOf: (prefix) => `${prefix}::/64`,
      },
      cache: {
        peers: () => PEERS,
        addressesOf: () => ADDRESSES,
        store: (prefix, addresses) => void stored.set(prefix, addresses),
        forget() {},
      },
      log: silentLog,
      askAddresses() {},
      getBootstrapPeer: () => new Promise((resolve) => registry.push(resolve)),
      onCutOff: () => cutOffs++,
      sendClosing() {},
      sendSeen() {},
      onTunnel: (event) => void told.push(event),
      onExternalAddress: (iface, address) => void external.push([iface, address]),
      isNeighbourThere: (iface) => new Promise((resolve) => asked.set(iface, resolve)),
    },
    {
      own: OWN,
      maxClients: () => 0,
      helloIntervalMs: () => HELLO_MS,
      isRevoked: (serial) => revoked.has(serial),
    },
    strategy?.(clock) ?? new TunnelPolicy(OWN, SETTINGS, seededRandom(1), clock.monotonicMs()),
  )
  const settled = () => clock.pass(0)
  const decide = () => clock.pass(20)
  const up = (index: number, serial = 2n, remote: UnderlayRemote = REMOTE) => {
    const spec = transport.specs[index]
    if (!spec) throw new Error(`no tunnel ${index}`)
    const peer = { prefix: spec.prefix ?? prefixOfBits('0000000000000111'), serial }
    spec.onEvent({ kind: 'up', peer, remote, externalAddress: '198.51.100.7' })
  }
  const silent = (index: number) => transport.specs[index]?.onEvent({ kind: 'silent' })
  const answer = async (iface: string, isThere: boolean) => {
    asked.get(iface)?.(isThere)
    asked.delete(iface)
    await settled()
  }
  /** Routing hears of a neighbour on an interface for the first time, or the last. */
  const neighbour = (iface: string, change: 'added' | 'flushed') => {
    const at = neighbours.findIndex((each) => each.iface === iface)
    const [one] = change === 'added' ? neighboursOn(iface) : neighbours.splice(at, 1)
    if (!one) throw new Error(`no neighbour on ${iface}`)
    if (change === 'added' && at < 0) neighbours.push(one)
    for (const tell of watchers) tell({ kind: 'neighbour', change, neighbour: one })
  }
  tunnels.start()
  await decide()
  return {
    ...{
      tunnels,
      transport,
      stored,
      external,
      asked,
      revoked,
      heard,
      reachable,
      registry,
      dropped,
      remembered,
      told,
      gone,
      clock,
    },
    ...{ settled, decide, up, silent, answer, neighbour, cutOffs: () => cutOffs },
    onServerEvent: (event: ServerEvent) => onServerEvent(event),
  }
}

describe('a client tunnel', () => {
  it('is shown, told to routing, and the address that worked is tried first the next time', async () => {
    const { tunnels, stored, external, up } = await rig()
    expect(tunnels.list().map(({ state }) => state)).toEqual(['connecting', 'connecting'])
    up(0)
    expect(tunnels.peers()).toHaveLength(1)
    const [shown] = tunnels.list()
    expect(shown).toMatchObject({ state: 'up', serial: 2n, protocol: 'tcp', iface: 're6stnet1' })
    expect(stored.get(shown?.prefix ?? OWN)?.[0]).toMatchObject({ protocol: 'tcp' })
    expect(external).toEqual([['re6stnet1', '198.51.100.7']])
  })

  it('is told of when it comes up, ends, and cannot be made, with the reason', async () => {
    const { told, transport, up, settled } = await rig()
    up(0)
    const [one, other] = transport.specs
    one?.onEvent({ kind: 'down', reason: 'connection reset' })
    other?.onEvent({ kind: 'down', reason: 'connection refused' })
    await settled()
    const about = { peer: one?.prefix, iface: 're6stnet1', underlay: '203.0.113.1' }
    expect(told).toEqual([
      { kind: 'tunnel-up', ...about, reason: undefined },
      { kind: 'tunnel-down', ...about, reason: 'connection reset' },
      {
        ...{ kind: 'tunnel-failed', peer: other?.prefix, iface: 're6stnet2', underlay: undefined },
        reason: 'connection refused',
      },
    ])
  })

  it('says at which address its server sees us, also when that changes; others cannot say it', async () => {
    const { tunnels, transport, external, up } = await rig()
    up(0)
    const [server = OWN, other = OWN] = transport.specs.map(({ prefix }) => prefix)
    tunnels.seenAt(other, '192.0.2.66')
    tunnels.seenAt(OWN, '192.0.2.66')
    tunnels.seenAt(server, '198.51.100.8')
    expect(external).toEqual([
      ['re6stnet1', '198.51.100.7'],
      ['re6stnet1', '198.51.100.8'],
    ])
  })

  it('to a peer whose certificate is revoked ends at once, or as soon as that is known; others stay', async () => {
    const { tunnels, transport, revoked, up, settled } = await rig()
    revoked.add(3n)
    up(0, 3n)
    await settled()
    expect(transport.stopped).toEqual(['re6stnet1'])
    up(1, 2n)
    tunnels.endRevoked()
    await settled()
    expect(transport.stopped).toEqual(['re6stnet1'])
    revoked.add(2n)
    tunnels.endRevoked()
    await settled()
    expect(transport.stopped).toEqual(['re6stnet1', 're6stnet2'])
  })

  it('that failed is shown with the reason, and its peer is not tried again at once', async () => {
    const { tunnels, transport, decide, settled } = await rig()
    for (const spec of [...transport.specs]) spec.onEvent({ kind: 'down', reason: 'connection refused' })
    await settled()
    await decide()
    expect(tunnels.list()).toMatchObject([
      { state: 'failed', reason: 'connection refused' },
      { state: 'failed', reason: 'connection refused' },
    ])
    expect(transport.specs).toHaveLength(2)
  })

  it('that is not up yet is made again with a new certificate; one that is up stays', async () => {
    const { tunnels, transport, clock, up, decide, settled } = await rig()
    up(0)
    tunnels.identityRenewed(clock.now())
    await settled()
    expect(transport.stopped).toEqual(['re6stnet2'])
    await decide()
    expect(transport.specs.map(({ prefix }) => prefix)[2]).toBe(transport.specs[1]?.prefix)
  })
})

it('a client tunnel that ends is left by routing at once, before its interface goes', async () => {
  const { transport, gone, told, up } = await rig()
  up(0)
  transport.specs[0]?.onEvent({ kind: 'ending' })
  expect(gone).toEqual(['fe80::1%re6stnet1'])
  expect(told.map(({ kind }) => kind)).toEqual(['tunnel-up'])
  transport.specs[0]?.onEvent({ kind: 'down', reason: 'connection reset' })
  expect(told.map(({ kind }) => kind)).toEqual(['tunnel-up', 'tunnel-down'])
})

describe('a client tunnel whose peer is silent, or may be', () => {
  it('stays when the peer answers, who is asked once at a time', async () => {
    const { transport, asked, up, silent, answer } = await rig()
    up(0)
    silent(0)
    silent(0)
    expect([...asked.keys()]).toEqual(['re6stnet1'])
    await answer('re6stnet1', true)
    expect(transport.stopped).toEqual([])
    silent(0)
    expect([...asked.keys()]).toEqual(['re6stnet1'])
  })

  it('ends when nobody answers, and then all other peers are asked', async () => {
    const { tunnels, transport, asked, up, silent, answer } = await rig()
    up(0)
    up(1)
    silent(0)
    await answer('re6stnet1', false)
    expect(transport.stopped).toEqual(['re6stnet1'])
    expect([...asked.keys()]).toEqual(['re6stnet2'])
    await answer('re6stnet2', true)
    expect(transport.stopped).toEqual(['re6stnet1'])
    expect(tunnels.peers()).toEqual([transport.specs[1]?.prefix])
  })

  it('is asked also where routing has given it up: its tunnel goes, and the place of it is free', async () => {
    const { tunnels, transport, asked, up, neighbour, answer } = await rig()
    up(0)
    neighbour('re6stnet1', 'added')
    neighbour('re6stnet1', 'flushed')
    // With the uplink of some tunnels, their neighbours went; it is back, with another address.
    tunnels.networkChanged()
    expect([...asked.keys()]).toEqual(['re6stnet1'])
    await answer('re6stnet1', false)
    expect(transport.stopped).toContain('re6stnet1')
  })

  it('over which routing has heard nobody yet is made again when our own network changes', async () => {
    const { tunnels, transport, up, neighbour, decide, settled } = await rig()
    neighbour('re6stnet1', 'flushed')
    up(0)
    up(1)
    tunnels.networkChanged()
    await settled()
    expect(transport.stopped).toEqual(['re6stnet1'])
    await decide()
    expect(transport.specs[2]?.prefix).toBe(transport.specs[0]?.prefix)
  })

  it('is asked once more when our own network changes while it is being asked', async () => {
    const { tunnels, transport, asked, up, silent, answer } = await rig()
    up(0)
    silent(0)
    tunnels.networkChanged()
    // It was there, from where we were.
    await answer('re6stnet1', true)
    expect([...asked.keys()]).toEqual(['re6stnet1'])
    await answer('re6stnet1', false)
    expect(transport.stopped).toContain('re6stnet1')
    expect(asked.size).toBe(0)
  })

  it('is asked for as long as it is up only', async () => {
    const { transport, asked, up, silent, answer } = await rig()
    silent(0)
    expect(asked.size).toBe(0)
    up(0)
    silent(0)
    transport.specs[0]?.onEvent({ kind: 'down', reason: 'connection reset' })
    await answer('re6stnet1', false)
    expect(transport.stopped).toEqual([])
  })
})

describe('a tunnel over which routing hears nobody', () => {
  it('ends after four hello intervals, is shown as failed, and its place goes to whom the registry proposes', async () => {
    const { tunnels, transport, heard, registry, clock, up, decide } = await rig()
    heard.clear()
    up(0)
    up(1)
    await clock.pass(4 * HELLO_MS - 1_000)
    expect(transport.stopped).toEqual([])
    await clock.pass(2_000)
    expect(transport.stopped).toEqual(['re6stnet1', 're6stnet2'])
    expect(tunnels.list()).toMatchObject([
      { state: 'failed', reason: NO_NEIGHBOUR },
      { state: 'failed', reason: NO_NEIGHBOUR },
    ])
    const good = prefixOfBits('0000000000000011')
    registry.pop()?.({ prefix: good, addresses: ADDRESSES })
    await decide()
    expect(transport.specs.slice(2).map(({ prefix }) => prefix)).toEqual([good])
  })

  it('ends also when it has lost whom it heard', async () => {
    const { transport, heard, clock, up } = await rig()
    up(0)
    up(1)
    await clock.pass(10 * HELLO_MS)
    expect(transport.stopped).toEqual([])
    heard.delete('re6stnet2')
    await clock.pass(30_000 + 4 * HELLO_MS)
    expect(transport.stopped).toEqual(['re6stnet2'])
  })

  it('is dropped by the server, too, so that it holds no place', async () => {
    const { tunnels, heard, dropped, clock, onServerEvent } = await rig()
    const iface = 're6stnet-tcp'
    await tunnels.servers.start([{ iface, protocol: 'tcp', port: 1194 }])
    const peer = { prefix: prefixOfBits('0000000000000100'), serial: 9n }
    onServerEvent({ kind: 'client-up', client: 7, peer, underlay: { address: '192.0.2.1', port: 1 } })
    heard.add(iface)
    await clock.pass(10 * HELLO_MS)
    expect(dropped).toEqual([])
    heard.delete(iface)
    await clock.pass(30_000 + 5 * HELLO_MS)
    expect(dropped).toEqual([7])
  })
})

describe('who is cut off', () => {
  it('asks the registry at once, also while tunnels are up, and then again and again', async () => {
    const { tunnels, registry, clock, cutOffs, reachable, up, decide } = await rig()
    expect([registry.length, cutOffs()]).toEqual([1, 1])
    up(0)
    for (let asked = 1; asked < 4; asked++) {
      registry.at(-1)?.(undefined)
      await clock.pass(6_000)
      expect([registry.length, cutOffs()]).toEqual([asked + 1, asked + 1])
    }
    expect(tunnels.cutOff?.sinceMs).toBe(clock.now() - 18_020)
    reachable.add(SETTINGS.registryPrefix)
    tunnels.changed()
    await decide()
    expect(tunnels.cutOff).toBeUndefined()
  })
})

it('a tunnel that cannot be taken out of use counts, and is replaced at a later time', async () => {
  let fails = true
  let tries = 0
  const { tunnels, transport, reachable, clock, up, decide } = await rig({
    setCost: async (_, cost) => {
      if (cost === 'high') tries++
      if (cost === 'high' && fails) throw new Error('ip: no memory')
    },
  })
  up(0)
  up(1)
  // The first one is drawn.
  reachable.add(prefixOfBits('0000000000000100'))
  reachable.add(PEERS[0] ?? OWN)
  await decide()
  await clock.pass(300_000)
  expect(tries).toBe(1)
  expect(tunnels.list().filter(({ state }) => state === 'up')).toHaveLength(2)
  // Who was to take its place is not there.
  transport.specs[2]?.onEvent({ kind: 'down', reason: 'no answer' })
  fails = false
  await clock.pass(600_000)
  expect(tries).toBeGreaterThan(1)
})

describe('the tunnel of --client', () => {
  const { addresses: remotes } = parseAddressList('203.0.113.1,1194,tcp;203.0.113.2,1194,tcp')
  const strategy = () => new FixedRemotes(OWN, SETTINGS, remotes, seededRandom(1))
  const hosts = ({ remotes: tried }: { readonly remotes: readonly PeerAddress[] }) =>
    tried.map(({ host }) => host)

  it('is made anew whenever it ends, at another interface while its name is not free in routing', async () => {
    const { tunnels, transport, remembered, clock, up, decide, registry, cutOffs } = await rig({ strategy })
    expect(transport.specs).toMatchObject([{ iface: 're6stnet', prefix: undefined }])
    up(0)
    await decide()
    expect(tunnels.peers()).toEqual([prefixOfBits('0000000000000111')])
    expect(tunnels.clientTunnelPeers()).toHaveLength(1)
    transport.specs[0]?.onEvent({ kind: 'down', reason: 'connection reset by the peer' })
    remembered.add('re6stnet')
    await decide()
    expect(tunnels.list()).toMatchObject([{ state: 'failed', reason: 'connection reset by the peer' }])
    await clock.pass(1_100)
    expect(transport.specs.map(({ iface }) => iface)).toEqual(['re6stnet', 're6stnet1'])
    // It has no use for other peers; what else the registry knows it wants.
    expect([registry.length, cutOffs() > 0]).toEqual([0, true])
  })

  it('goes to the other remotes first when the certificate of the one that answered is revoked', async () => {
    const { transport, revoked, clock, up } = await rig({ strategy })
    revoked.add(3n)
    up(0, 3n, { address: '203.0.113.1', port: 1194, protocol: 'tcp' })
    await clock.pass(5_000)
    expect(transport.stopped).toEqual(['re6stnet'])
    expect(transport.specs.map(hosts)).toEqual([
      ['203.0.113.1', '203.0.113.2'],
      ['203.0.113.2', '203.0.113.1'],
    ])
  })

  it('goes to the other remotes first when routing heard nobody behind one', async () => {
    const { transport, heard, clock, up } = await rig({ strategy })
    heard.clear()
    up(0, 2n, { address: '203.0.113.1', port: 1194, protocol: 'tcp' })
    await clock.pass(4 * HELLO_MS + 3_000)
    expect(transport.stopped).toEqual(['re6stnet'])
    expect(transport.specs.map(hosts)).toEqual([
      ['203.0.113.1', '203.0.113.2'],
      ['203.0.113.2', '203.0.113.1'],
    ])
  })

  it('ends when its peer is silent', async () => {
    const { transport, up, silent, answer, clock } = await rig({ strategy })
    up(0)
    silent(0)
    await answer('re6stnet', false)
    expect(transport.stopped).toEqual(['re6stnet'])
    await clock.pass(3_000)
    expect(transport.specs).toHaveLength(2)
  })
})

describe('when the network of the machine has changed', () => {
  it('tunnels whose peers answer stay, the others are closed', async () => {
    const { tunnels, transport, asked, up, settled, answer } = await rig()
    up(0)
    up(1)
    tunnels.networkChanged()
    await settled()
    expect([...asked.keys()]).toEqual(['re6stnet1', 're6stnet2'])
    await answer('re6stnet1', true)
    await answer('re6stnet2', false)
    expect(transport.stopped).toEqual(['re6stnet2'])
  })

  it('peers that failed are tried again at once, and tunnels that were being made as well', async () => {
    const { tunnels, transport, settled, decide } = await rig()
    transport.specs[0]?.onEvent({ kind: 'down', reason: 'network is unreachable' })
    await settled()
    await decide()
    expect(transport.specs).toHaveLength(2)
    tunnels.networkChanged()
    await settled()
    await decide()
    expect(transport.stopped).toEqual(['re6stnet2'])
    expect(new Set(transport.specs.slice(2).map(({ prefix }) => prefix))).toEqual(new Set(PEERS))
  })
})

it('with --client, when the network of the machine has changed, the tunnel is made at once, and anew if nobody answers', async () => {
  const { addresses: remotes } = parseAddressList('203.0.113.1,1194,tcp')
  const strategy = () => new FixedRemotes(OWN, SETTINGS, remotes, seededRandom(1))
  const { tunnels, transport, up, answer, decide } = await rig({ strategy })
  transport.specs[0]?.onEvent({ kind: 'down', reason: 'network is unreachable' })
  await decide()
  expect(transport.specs).toHaveLength(1)
  tunnels.networkChanged()
  await decide()
  expect(transport.specs).toHaveLength(2)
  up(1)
  tunnels.networkChanged()
  await answer('re6stnet', false)
  expect(transport.stopped).toEqual(['re6stnet'])
})

it('a peer that ends our tunnel since another machine has our certificate is believed', async () => {
  const { tunnels, transport, up } = await rig()
  up(0)
  expect(tunnels.sharedCertificates).toEqual([])
  transport.specs[0]?.onEvent({
    kind: 'down',
    reason: 'closed by the peer: the certificate is in use twice, from 203.0.113.1 and from 203.0.113.2',
  })
  expect(tunnels.sharedCertificates).toMatchObject([{ prefix: OWN }])
})
