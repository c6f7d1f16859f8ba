import { describe, expect, it } from 'vitest'
import type { TunnelSettings } from '../../../../src/core/tunnels/settings.ts'
import { type PeerAddress, parseAddressList } from '../../../../src/core/values/address-list.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { Tunnels } from '../../../../src/node/tunnels/tunnels.ts'
import { silentLog } from '../../../../src/platform/log.ts'
import { seededRandom } from '../../../support/random.ts'
import { heldClock, neighboursOn, recordingTransport, routerWith } from '../../../support/tunnels.ts'

const OWN = prefixOfBits('0000000000000000')
const PEERS = ['0000000000000001', '0000000000000010'].map(prefixOfBits)
const { addresses: ADDRESSES } = parseAddressList('203.0.113.1,1194,tcp;203.0.113.1,1194,udp')
const REMOTE = { address: '203.0.113.1', port: 1194, protocol: 'tcp' } as const

const SETTINGS: TunnelSettings = {
  clientCount: 2,
  refreshMs: 300_000,
  neighbours: new Set(),
  disabledProtocols: new Set(),
  allowsIpv6: true,
  hasServers: false,
  registryPrefix: PEERS[0] ?? OWN,
  sameCountry: [],
  ownCountry: undefined,
  countryOf: () => undefined,
  isInside: () => false,
}

/** A node that knows two peers from its cache, and begins a tunnel to each. */
function rig({ revoked = 0n } = {}) {
  const asked = new Map<string, (isThere: boolean) => void>()
  const stored = new Map<Prefix, readonly PeerAddress[]>()
  const external: [string, string | undefined][] = []
  const transport = recordingTransport()
  const clock = heldClock()
  const tunnels = new Tunnels(
    {
      transport,
      clock,
      random: seededRandom(1),
      router: routerWith(neighboursOn('re6stnet1', 're6stnet2')),
      nodes: {
        isReachable: () => false,
        isNeighbour: () => false,
        isSubnetOf: () => false,
        sample: () => undefined,
        countOver: () => 0,
      },
      cache: {
        peers: () => PEERS,
        addressesOf: () => ADDRESSES,
        store: (prefix, addresses) => void stored.set(prefix, addresses),
      },
      log: silentLog,
      askAddresses() {},
      getBootstrapPeer: () => new Promise(() => {}),
      sendClosing() {},
      sendSeen() {},
      onExternalAddress: (iface, address) => void external.push([iface, address]),
      isNeighbourThere: (iface) => new Promise((resolve) => asked.set(iface, resolve)),
    },
    {
      own: OWN,
      maxClients: () => 0,
      helloIntervalMs: () => 15_000,
      isRevoked: (serial) => serial === revoked,
    },
    SETTINGS,
  )
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  const decide = () => {
    for (const end of clock.timers.splice(0)) end()
  }
  const up = (index: number, serial = 2n) => {
    const spec = transport.specs[index]
    if (spec?.prefix === undefined) throw new Error(`no tunnel ${index}`)
    const peer = { prefix: spec.prefix, serial }
    spec.onEvent({ kind: 'up', peer, remote: REMOTE, externalAddress: '198.51.100.7' })
  }
  const silent = (index: number) => transport.specs[index]?.onEvent({ kind: 'silent' })
  const answer = async (iface: string, isThere: boolean) => {
    asked.get(iface)?.(isThere)
    asked.delete(iface)
    await settled()
  }
  tunnels.start()
  decide()
  return { tunnels, transport, stored, external, asked, settled, decide, up, silent, answer }
}

describe('a client tunnel', () => {
  it('is shown, told to routing, and the address that worked is tried first the next time', () => {
    const { tunnels, stored, external, up } = rig()
    expect(tunnels.list().map(({ state }) => state)).toEqual(['connecting', 'connecting'])
    up(0)
    expect(tunnels.peers()).toHaveLength(1)
    const [shown] = tunnels.list()
    expect(shown).toMatchObject({ state: 'up', serial: 2n, protocol: 'tcp', iface: 're6stnet1' })
    expect(stored.get(shown?.prefix ?? OWN)?.[0]).toMatchObject({ protocol: 'tcp' })
    expect(external).toEqual([['re6stnet1', '198.51.100.7']])
  })

  it('says at which address its server sees us, also when that changes; others cannot say it', () => {
    const { tunnels, transport, external, up } = rig()
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

  it('to a peer whose certificate is revoked ends at once, or as soon as that is known', async () => {
    const { tunnels, transport, up, settled } = rig({ revoked: 3n })
    up(0, 3n)
    await settled()
    expect(transport.stopped).toEqual(['re6stnet1'])
    up(1, 2n)
    tunnels.endRevoked()
    await settled()
    expect(transport.stopped).toEqual(['re6stnet1'])
  })

  it('that failed is shown with the reason, and its peer is not tried again at once', async () => {
    const { tunnels, transport, decide, settled } = rig()
    for (const spec of [...transport.specs]) spec.onEvent({ kind: 'down', reason: 'connection refused' })
    await settled()
    decide()
    expect(tunnels.list()).toMatchObject([
      { state: 'failed', reason: 'connection refused' },
      { state: 'failed', reason: 'connection refused' },
    ])
    expect(transport.specs).toHaveLength(2)
  })

  it('that is not up yet is made again with a new certificate; one that is up stays', async () => {
    const { tunnels, transport, up, decide, settled } = rig()
    up(0)
    await tunnels.identityRenewed()
    await settled()
    expect(transport.stopped).toEqual(['re6stnet2'])
    decide()
    expect(transport.specs.map(({ prefix }) => prefix)[2]).toBe(transport.specs[1]?.prefix)
  })
})

describe('a client tunnel whose peer is silent', () => {
  it('stays when the peer answers, who is asked once at a time', async () => {
    const { transport, asked, up, silent, answer } = rig()
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
    const { tunnels, transport, asked, up, silent, answer } = rig()
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

  it('is asked for as long as it is up only', async () => {
    const { transport, asked, up, silent, answer } = rig()
    silent(0)
    expect(asked.size).toBe(0)
    up(0)
    silent(0)
    transport.specs[0]?.onEvent({ kind: 'down', reason: 'connection reset' })
    await answer('re6stnet1', false)
    expect(transport.stopped).toEqual([])
  })
})

describe('when the network of the machine has changed', () => {
  it('tunnels whose peers answer stay, the others are closed', async () => {
    const { tunnels, transport, asked, up, settled, answer } = rig()
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
    const { tunnels, transport, settled, decide } = rig()
    transport.specs[0]?.onEvent({ kind: 'down', reason: 'network is unreachable' })
    await settled()
    decide()
    expect(transport.specs).toHaveLength(2)
    tunnels.networkChanged()
    await settled()
    decide()
    expect(transport.stopped).toEqual(['re6stnet2'])
    expect(new Set(transport.specs.slice(2).map(({ prefix }) => prefix))).toEqual(new Set(PEERS))
  })
})
