import { describe, expect, it } from 'vitest'
import type { TunnelReply } from '../../../../src/core/control/replies.ts'
import { judgeClock, rightTimeMs } from '../../../../src/core/doctor/clock.ts'
import { withoutConsequences } from '../../../../src/core/doctor/consequences.ts'
import { type DirectoryFacts, judgeDirectories } from '../../../../src/core/doctor/directories.ts'
import { dateText, durationText } from '../../../../src/core/doctor/duration-text.ts'
import { judgeFailing } from '../../../../src/core/doctor/failing.ts'
import { FINDING_CODES, type Finding, inOrder } from '../../../../src/core/doctor/finding.ts'
import { type IdentityFacts, judgeIdentity, readIdentityFacts } from '../../../../src/core/doctor/identity.ts'
import { judgeMachine, type MachineFacts } from '../../../../src/core/doctor/machine.ts'
import { judgeMulticast, type MulticastFacts } from '../../../../src/core/doctor/multicast.ts'
import {
  type ConnectionFacts,
  judgeConnection,
  lasting,
  type NeighbourFacts,
} from '../../../../src/core/doctor/neighbours.ts'
import { holdersOf, judgePorts } from '../../../../src/core/doctor/ports.ts'
import { judgeReachability, type ReachabilityFacts } from '../../../../src/core/doctor/reachability.ts'
import { judgeRegistry } from '../../../../src/core/doctor/registry.ts'
import { ok, refuse } from '../../../../src/core/result.ts'
import { vectors } from '../../../support/vectors.ts'

interface Pki {
  readonly ca: string
  readonly other_ca: string
  readonly ca_new_prefix: string
  readonly keys: Readonly<Record<string, string>>
  readonly cases: readonly { readonly name: string; readonly pem: string }[]
}

const pki = vectors<Pki>('pki.json')
const NOW_MS = Date.parse('2027-01-01')
const DAY_MS = 86_400_000
const pemOf = (name: string) => pki.cases.find((one) => one.name === name)?.pem ?? ''
const codesOf = (findings: readonly Finding[]) => findings.map(({ code }) => code)

const identity = ({
  ca = pki.ca,
  cert = pemOf('node-a'),
  key = pki.keys['node-a'] ?? '',
  mode = 0o600,
} = {}) => {
  const file = (option: string, text: string) => ({ option, path: option, content: ok(text), mode })
  return { ca: file('--ca', ca), cert: file('--cert', cert), key: file('--key', key) } satisfies IdentityFacts
}
const identityCodes = (files: IdentityFacts, nowMs = NOW_MS) =>
  codesOf(judgeIdentity(files, readIdentityFacts(files), nowMs))

describe('files of the identity', () => {
  it('are good', () => expect(identityCodes(identity())).toEqual([]))

  it.each([
    ['a key that others can read', identity({ mode: 0o640 }), ['key-exposed']],
    ['a key of another', identity({ key: pki.keys['node-b'] }), ['key-mismatch']],
    ['a certificate of another authority', identity({ ca: pki.other_ca }), ['certificate-foreign']],
    ['an expired certificate', identity({ cert: pemOf('expired') }), ['key-mismatch', 'certificate-expired']],
    ['no certificate at all', identity({ cert: 'nonsense' }), ['file-not-usable']],
    ['no key at all', identity({ key: '' }), ['file-not-usable']],
  ])('%s', (_, files, codes) => {
    expect(identityCodes(files)).toEqual(codes)
  })

  it('cannot be read', () => {
    const files = {
      ...identity(),
      key: { ...identity().key, content: refuse('it does not exist'), mode: undefined },
    }
    expect(judgeIdentity(files, readIdentityFacts(files), NOW_MS)).toMatchObject([
      { code: 'file-not-usable', what: '--key --key: it does not exist' },
    ])
  })

  it('expire with their authority', () => {
    expect(new Set(identityCodes(identity(), Date.parse('2099-01-01')))).toEqual(
      new Set(['certificate-expired']),
    )
  })
})

describe('the clock', () => {
  const certificates = [{ notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + DAY_MS }]
  const judge = (nowMs: number, registryAheadMs: number | undefined) =>
    judgeClock({ nowMs, registryAheadMs, certificates })

  it('is right within a minute', () => {
    expect(judge(NOW_MS, 30_000)).toEqual([])
    expect(judge(NOW_MS, undefined)).toEqual([])
  })

  it('is wrong by what the registry says, whichever way', () => {
    expect(judge(NOW_MS, 3 * DAY_MS)[0]?.what).toContain('is 3 days behind that of the registry')
    expect(judge(NOW_MS, -90_000)[0]?.what).toContain('is 90 seconds ahead of that of the registry')
    expect(rightTimeMs({ nowMs: NOW_MS, registryAheadMs: DAY_MS, certificates })).toBe(NOW_MS + DAY_MS)
  })

  it('is wrong when the certificate is from the future', () => {
    expect(codesOf(judge(NOW_MS - 2 * DAY_MS, undefined))).toEqual(['clock-wrong'])
    expect(judgeClock({ nowMs: 0, registryAheadMs: undefined, certificates: [] })).toEqual([])
  })
})

describe('the registry', () => {
  const { authority, certificate } = readIdentityFacts(identity())
  if (!authority.ok || !certificate.ok) throw new Error('the vectors cannot be read')
  const judge = (answer: Parameters<typeof judgeRegistry>[0]['answer'], disowned?: string) =>
    codesOf(judgeRegistry({ url: 'http://r/', answer, disowned }, authority.value, certificate.value))

  it.each([
    ['does not answer', refuse('no way'), ['registry-unreachable']],
    ['is something else', ok({ status: 404, body: '' }), ['registry-wrong']],
    ['is a portal', ok({ status: 200, body: '<html>' }), ['registry-wrong']],
    ['has moved', ok({ status: 301, body: '', location: 'https://r/' }), ['registry-wrong']],
    ['has too much to do', ok({ status: 503, body: '' }), ['registry-unreachable']],
    ['asks us to wait', ok({ status: 429, body: '' }), ['registry-unreachable']],
    ['is away from its proxy', ok({ status: 502, body: '<html>' }), ['registry-unreachable']],
    ['does not answer its proxy', ok({ status: 504, body: '<html>' }), ['registry-unreachable']],
    ['has another authority', ok({ status: 200, body: pki.other_ca }), ['registry-foreign']],
    ['has another network', ok({ status: 200, body: pki.ca_new_prefix }), ['registry-foreign']],
    ['is ours', ok({ status: 200, body: pki.ca }), []],
  ])('%s', (_, answer, codes) => expect(judge(answer)).toEqual(codes))

  it('is not said to have a wrong URL where a server in front of it says something else', () => {
    const said = (status: number, location?: string) => {
      const answer = ok({ status, body: '', ...(location === undefined ? {} : { location }) })
      const [finding] = judgeRegistry({ url: 'http://r/', answer, disowned: undefined }, undefined, undefined)
      return `${finding?.what}: ${finding?.remedy}`
    }
    expect(said(308, 'https://new.example/')).toContain('https://new.example/')
    expect(said(301, 'https://\x1b[2J/')).not.toContain('\x1b')
    for (const status of [429, 502, 503, 504])
      expect(said(status)).not.toMatch(/path may be wrong|--registry/)
  })

  it('does not accept us', () =>
    expect(judge(ok({ status: 200, body: pki.ca }), 'it is revoked')).toEqual(['certificate-revoked']))
})

describe('what the node does not have of the network', () => {
  const failing = (
    ['configuration', 'changes', 'renewal', 'ipv4', 'servers', 'forwarding', 'cache'] as const
  ).map((what) => ({ what, reason: 'no way' }))
  const codes = [
    ...['configuration-refused', 'change-not-applied', 'renewal-failed', 'ipv4-failed'],
    ...['server-failed', 'forwarding-failed', 'cache-not-written'],
  ]

  it('is found with its reason', () => {
    expect(codesOf(judgeFailing(failing))).toEqual(codes)
    for (const { what } of judgeFailing(failing)) expect(what).toContain('no way')
  })

  it.each([
    ['no registry is there', 'registry-unreachable' as const],
    ['the certificate is revoked', 'certificate-revoked' as const],
  ])('is told by its cause where %s', (_, code) => {
    const cause = { code, what: '', remedy: '' }
    expect(codesOf(withoutConsequences([cause, ...judgeFailing(failing)]))).toEqual([
      code,
      ...codes.filter((one) => !['configuration-refused', 'renewal-failed'].includes(one)),
    ])
  })

  it.each([
    ['a cache that has no space', 'no-space', 'cache', ['no-space']],
    ['a gateway that does not forward', 'nat-without-forwarding', 'forwarding', ['forwarding-failed']],
  ] as const)('is told once: %s', (_, code, what, expected) => {
    const found = [{ code, what: '', remedy: '' }, ...judgeFailing([{ what, reason: 'no way' }])]
    expect(codesOf(withoutConsequences(found))).toEqual(expected)
  })
})

describe('directories', () => {
  const good: DirectoryFacts = {
    option: '--state',
    path: '/s',
    obstacle: undefined,
    freeBytes: 1e9,
    freeFiles: 1e6,
  }
  it.each<[Partial<DirectoryFacts>, string[]]>([
    [{}, []],
    [{ freeBytes: undefined, freeFiles: undefined }, []],
    [{ freeBytes: 4096 }, ['no-space']],
    [{ freeFiles: 0 }, ['no-space']],
    [{ obstacle: 'read-only', freeBytes: 0 }, ['directory-not-usable']],
  ])('%j: %j', (changed, codes) =>
    expect(codesOf(judgeDirectories([{ ...good, ...changed }]))).toEqual(codes),
  )
})

const GOOD_MACHINE: MachineFacts = {
  openvpn: 'OpenVPN 2.6.14 x86_64-pc-linux-gnu',
  babeld: { printed: 'babeld-1.12.1' },
  missing: [],
  tunObstacle: undefined,
  mayAdministrate: true,
  settingsAreReadOnly: false,
  sourceSpecificRoutes: true,
  ipv6Disabled: [],
  otherDefaultRoute: undefined,
  forwardingOff: [],
  pathFilter: undefined,
}

describe('the machine', () => {
  it.each<[Partial<MachineFacts>, string[]]>([
    [{}, []],
    [{ sourceSpecificRoutes: undefined }, []],
    [{ openvpn: undefined, babeld: { printed: undefined } }, ['openvpn-missing', 'babeld-missing']],
    [{ babeld: undefined }, []],
    [
      { openvpn: 'OpenVPN 2.5.1', babeld: { printed: 'babeld-1.9.2' } },
      ['openvpn-too-old', 'babeld-too-old'],
    ],
    [{ openvpn: 'Segmentation fault' }, ['openvpn-too-old']],
    [{ missing: [{ program: 'ip', package: 'iproute2' }] }, ['program-missing']],
    [{ missing: [{ program: 's', package: 's', option: '--multicast' }] }, ['program-missing']],
    [{ tunObstacle: 'ENOENT' }, ['no-tun-device']],
    [{ sourceSpecificRoutes: false }, ['no-source-specific-routes']],
    [{ ipv6Disabled: ['default'] }, ['ipv6-disabled']],
    [{ ipv6Disabled: 'by-the-kernel' }, ['ipv6-disabled']],
    [{ otherDefaultRoute: 'default dev eth0' }, ['other-default-route']],
    [{ forwardingOff: ['net.ipv6.conf.all.forwarding'] }, ['forwarding-off']],
    [{ forwardingOff: ['net.ipv6.conf.all.forwarding'], settingsAreReadOnly: true }, ['settings-read-only']],
    [{ settingsAreReadOnly: true }, []],
    [{ mayAdministrate: false }, ['no-net-admin']],
    [{ pathFilter: 'net.ipv4.conf.all.rp_filter' }, ['ipv4-path-filter']],
  ])('%j: %j', (changed, codes) =>
    expect(codesOf(judgeMachine({ ...GOOD_MACHINE, ...changed }))).toEqual(codes),
  )
})

it('a kernel without IPv6 is not to be mended by a setting that it does not have', () => {
  const remedyWith = (ipv6Disabled: MachineFacts['ipv6Disabled']) =>
    judgeMachine({ ...GOOD_MACHINE, ipv6Disabled })[0]?.remedy
  expect(remedyWith('by-the-kernel')).toMatch(/ipv6\.disable=1/)
  expect(remedyWith('by-the-kernel')).not.toMatch(/sysctl/)
  expect(remedyWith(['all'])).toMatch(/sysctl -w net\.ipv6\.conf\.all\.disable_ipv6=0/)
})

describe('ports of a node that does not run', () => {
  const listing = [
    'tcp   LISTEN 0 511 0.0.0.0:1194 0.0.0.0:* users:(("nginx",pid=7,fd=5),("nginx",pid=8,fd=5))',
    'tcp   LISTEN 0 511 127.0.0.1:11194 0.0.0.0:* users:(("other",pid=9,fd=5))',
    'udp   UNCONN 0 0 *:1194 *:* users:(("openvpn",pid=10,fd=6))',
    'udp   UNCONN 0 0 [::]:326 [::]:*',
    '',
  ].join('\n')

  it.each([
    ['TCP', 1194, ['nginx (process 8)']],
    ['UDP', 1194, ['openvpn (process 10)']],
    ['UDP', 326, []],
  ] as const)('%s %i: %j', (transport, port, holders) =>
    expect(holdersOf(listing, { transport, port })).toEqual(holders),
  )

  it('are taken by others', () => {
    const chosen = {
      transport: 'TCP',
      port: 1194,
      option: '--pp 1194 tcp',
      holders: ['nginx (process 8)'],
    } as const
    const fixed = { transport: 'UDP', port: 326, option: undefined, holders: [] } as const
    const [one, other] = judgePorts([chosen, fixed])
    expect(one).toMatchObject({
      code: 'port-taken',
      what: 'TCP port 1194, which the node needs (--pp 1194 tcp), is taken by nginx (process 8): the node cannot start',
    })
    expect(other?.what).toContain('is taken by another program')
    expect(other?.remedy).not.toContain('--pp')
    expect(judgePorts([])).toEqual([])
  })
})

describe('multicast', () => {
  const good = { uptimeMs: 60_000, reason: undefined, answers: true }
  it.each<[Partial<MulticastFacts>, string[]]>([
    [{}, []],
    [{ answers: undefined }, []],
    [{ answers: false }, ['multicast-stopped']],
    [{ reason: 'it ended', answers: undefined }, ['multicast-stopped']],
    [{ reason: 'it is being started', answers: undefined, uptimeMs: 1_000 }, []],
  ])('%j: %j', (changed, codes) => expect(codesOf(judgeMulticast({ ...good, ...changed }))).toEqual(codes))
})

describe('tunnels', () => {
  const tunnel: NeighbourFacts = {
    peer: '5/16',
    iface: 're6stnet1',
    protocol: 'tcp',
    since: '2026-01-01T00:00:00.000Z',
    ageMs: 3_600_000,
    isRouted: true,
    pings: true,
    mtu: 1500,
    pingsFull: true,
    answers: true,
  }
  const connection: ConnectionFacts = {
    uptimeMs: 3_600_000,
    helloMs: 15_000,
    isConnected: true,
    isRegistryNode: false,
    isEncrypted: true,
    draining: null,
    reachableNodes: 9,
    failures: [],
    failing: [],
    inUseTwice: [],
    neighbours: [tunnel],
  }
  it.each<[Partial<NeighbourFacts>, string[]]>([
    [{}, []],
    [{ isRouted: false, pings: undefined, pingsFull: undefined }, ['babel-filtered']],
    [{ isRouted: false, ageMs: 10_000, pings: undefined }, []],
    [{ pings: false, pingsFull: undefined, answers: false }, ['icmpv6-filtered']],
    [{ answers: false }, ['node-port-filtered']],
    [{ pings: false, pingsFull: undefined, answers: false, ageMs: 5_000 }, []],
    [{ answers: false, ageMs: 5_000 }, []],
    [{ answers: undefined, pings: undefined, pingsFull: undefined }, []],
    [{ pingsFull: false }, ['mtu-trouble']],
  ])('%j: %j', (changed, codes) =>
    expect(codesOf(judgeConnection({ ...connection, neighbours: [{ ...tunnel, ...changed }] }))).toEqual(
      codes,
    ),
  )

  it('are judged only if they are there to the end', () => {
    const { peer, iface, since } = tunnel
    const later = { peer, iface, since, state: 'up', cost: null } as TunnelReply
    expect(lasting([tunnel], [later])).toEqual([tunnel])
    const others = [
      { state: 'failed' },
      { since: 'later' },
      { iface: 're6stnet2' },
      { peer: '6/16' },
    ] as const
    for (const changed of others) expect(lasting([tunnel], [{ ...later, ...changed }])).toEqual([])
    expect(lasting([tunnel], [])).toEqual([])
  })

  it('are used by routing if they are so before or after', () => {
    const { peer, iface, since } = tunnel
    const unrouted = { ...tunnel, isRouted: false }
    const later = { peer, iface, since, state: 'up', cost: 96 } as TunnelReply
    expect(lasting([unrouted], [later])).toEqual([tunnel])
    expect(lasting([unrouted], [{ ...later, cost: null }])).toEqual([unrouted])
  })

  it('have the cause here when all have it', () => {
    const both = { ...connection, neighbours: [tunnel, { ...tunnel, peer: '6/16' }] }
    const [one, all] = [
      [false, true],
      [false, false],
    ].map((answers) =>
      judgeConnection({
        ...both,
        neighbours: both.neighbours.map((each, at) => ({ ...each, answers: answers[at] })),
      }),
    )
    expect(one?.[0]?.what).toMatch(/^5\/16 \(re6stnet1\): /)
    expect(all?.[0]?.what).toMatch(/^all neighbours/)
  })

  it('are missing', () => {
    const alone = { ...connection, isConnected: false, reachableNodes: 0, neighbours: [] }
    expect(judgeConnection({ ...alone, failures: ['5/16: refused'] })[0]?.what).toBe(
      'this node reaches no other node; tunnels failed: 5/16: refused',
    )
    expect(judgeConnection({ ...alone, reachableNodes: 2 })[0]?.what).toContain(
      'a part of the network is cut off',
    )
    expect(judgeConnection({ ...alone, uptimeMs: 1_000 })).toEqual([])
  })

  it('are missing when the node says that it is connected, and reaches nobody', () => {
    const nobody = { ...connection, reachableNodes: 0, neighbours: [] }
    expect(codesOf(judgeConnection(nobody))).toEqual(['cut-off'])
    expect(codesOf(judgeConnection({ ...nobody, isRegistryNode: true }))).toEqual([])
  })

  it('are given up when routing hears nobody there: that is why the node is cut off', () => {
    const alone = { ...connection, isConnected: false, reachableNodes: 0, neighbours: [] }
    const failures = ['0/16: routing hears nobody over it: does UDP port 6696 pass on both machines?']
    expect(codesOf(judgeConnection({ ...alone, failures }))).toEqual(['babel-filtered'])
    expect(judgeConnection({ ...alone, failures })[0]?.what).toMatch(/^0\/16: /)
  })

  it('refuse a certificate: then no firewall is to blame', () => {
    const alone = { ...connection, isConnected: false, reachableNodes: 0, neighbours: [] }
    const failures = ['5/16: refused by the peer: the certificate is revoked']
    expect(codesOf(judgeConnection({ ...alone, failures }))).toEqual(['certificate-revoked'])
    const shared = ['0/16: refused by the peer: this is our own certificate: two nodes must not share one']
    expect(codesOf(judgeConnection({ ...connection, failures: shared }))).toEqual([
      'certificate-in-use-twice',
    ])
  })

  it('share a certificate, or we do: then no firewall is to blame', () => {
    const [neighbour] = connection.neighbours
    const unrouted = neighbour && { ...neighbour, isRouted: false, pings: false }
    const facts = { ...connection, neighbours: unrouted ? [unrouted] : [] }
    const peer = neighbour?.peer ?? ''
    const theirs = { peer, underlays: ['203.0.113.1', '203.0.113.2'], isOwn: false }
    expect(codesOf(judgeConnection({ ...facts, inUseTwice: [theirs] }))).toEqual(['certificate-in-use-twice'])
    const ours = { peer: '9/16', underlays: [], isOwn: true }
    const cutOff = { ...facts, isConnected: false, reachableNodes: 0, inUseTwice: [ours] }
    expect(codesOf(judgeConnection(cutOff))).toEqual(['certificate-in-use-twice'])
  })
})

describe('reachability', () => {
  const tcp = {
    host: '203.0.113.3',
    port: 1194,
    protocol: 'tcp',
    country: undefined,
    text: '203.0.113.3,1194,tcp',
  } as const
  const public_: ReachabilityFacts = {
    uptimeMs: 3_600_000,
    listeners: [{ port: 1194, protocol: 'tcp' }],
    advertised: [tcp],
    interfaceAddresses: ['127.0.0.1', '203.0.113.3'],
    given: [],
    isForwarded: false,
    served: new Set(),
    dialled: [],
  }
  const behindNat = { ...public_, interfaceAddresses: ['192.168.1.2'] }
  const failed = [{ address: tcp.text, by: '5/16', reached: false, reason: 'no answer' }]
  const reached = [...failed, { address: tcp.text, by: '6/16', reached: true, reason: undefined }]

  it.each<[string, ReachabilityFacts, string[]]>([
    ['a public address that nobody tried', public_, []],
    ['one that nobody reaches', { ...public_, dialled: failed }, ['port-unreachable']],
    ['one that somebody reaches', { ...public_, dialled: reached }, []],
    [
      'a NAT without forwarding, as others say',
      { ...behindNat, dialled: failed },
      ['nat-without-forwarding'],
    ],
    ['a NAT without forwarding, as far as we know', behindNat, ['nat-without-forwarding']],
    ['a NAT that forwards', { ...behindNat, dialled: reached }, []],
    ['a gateway that says it forwards', { ...behindNat, isForwarded: true }, []],
    [
      'one that says so and does not',
      { ...behindNat, isForwarded: true, dialled: failed },
      ['port-unreachable'],
    ],
    ['a NAT with an address by hand', { ...behindNat, given: [tcp.host] }, []],
    ['a NAT through which somebody came', { ...behindNat, served: new Set(['tcp']) }, []],
    ['no address at all', { ...public_, advertised: [] }, ['nat-without-forwarding']],
    ['no address yet', { ...public_, advertised: [], uptimeMs: 1_000 }, []],
    ['no server', { ...behindNat, listeners: [], dialled: failed }, []],
  ])('%s', (_, facts, codes) => expect(codesOf(judgeReachability(facts))).toEqual(codes))
})

describe('texts', () => {
  it('durations and dates are for people', () => {
    expect([1_000, 119_000, 600_000, 3 * 3_600_000, 50 * 3_600_000].map(durationText)).toEqual([
      '1 second',
      '119 seconds',
      '10 minutes',
      '3 hours',
      '2 days',
    ])
    expect(dateText(NOW_MS)).toBe('2027-01-01 00:00 UTC')
  })

  it('what is to be mended first comes first', () => {
    const findings = FINDING_CODES.map((code) => ({ code, what: '', remedy: '' }))
    expect(inOrder([...findings].reverse())).toEqual(findings)
  })
})
