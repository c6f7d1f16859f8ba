import { describe, expect, it } from 'vitest'
import { judge, type KernelAnswers, marksFrom, trialsOf } from '../../../../src/core/firewall/judgement.ts'
import { packetBytes, type WholePacket } from '../../../../src/core/firewall/packet-bytes.ts'
import { permissionsOf } from '../../../../src/core/firewall/permissions.ts'
import { type MachineAddresses, stillHolds } from '../../../../src/core/firewall/probe.ts'
import { probeTableScript, readPassages, usesTracking } from '../../../../src/core/firewall/probe-table.ts'
import { ProbeTrace } from '../../../../src/core/firewall/probe-trace.ts'
import { surroundingsOf } from '../../../support/firewall.ts'
import { fc, test } from '../../../support/property.ts'

const face = (name: string, index: number, ...addresses: string[]) => ({
  name,
  index,
  addresses,
  linkLocal: name === 'lo' ? undefined : `fe80::${index}`,
})

/** A node with an uplink, a server and a tunnel to another node. */
const MACHINE: MachineAddresses = {
  interfaces: [
    face('lo', 1, '127.0.0.1', '::1', '2001:db8:42:1::1'),
    face('eth9', 2, '192.0.2.5', '2001:db8:9::5'),
    face('re6stnet-tcp', 3),
    face('re6stnet1', 4),
  ],
  ways: [
    { family: 'ipv6', iface: 're6stnet1', peer: '2001:db8:42:2::fe', otherPeer: '2001:db8:42:2::fd' },
    { family: 'ipv6', iface: 're6stnet-tcp', peer: '2001:db8:42:3::fe', otherPeer: '2001:db8:42:3::fd' },
  ],
  self: { ipv6: '2001:db8:42:1::1' },
}

const surroundings = surroundingsOf(['--ip', 'any'], { tunnels: ['re6stnet-tcp', 're6stnet1'] })
const trials = trialsOf(permissionsOf(surroundings), MACHINE, marksFrom(7))
const probes = trials.flatMap((trial) => trial.probes)

/** What the kernel answers when it lets through what `passes` says. */
const answersOf = (passes: (mark: number) => boolean, more: Partial<KernelAnswers> = {}): KernelAnswers => ({
  passages: new Map([
    ...probes.map(({ mark }) => [String(mark), { came: 1, passed: passes(mark) ? 1 : 0 }] as const),
    ['partners-in', { came: 3, passed: 3 }],
    ['partners-out', { came: 3, passed: 3 }],
  ]),
  drops: new Map(),
  errors: new Map(),
  hasLegacyRules: false,
  holds: () => true,
  ...more,
})

describe('the packets of a check', () => {
  it('are of each permission, as strangers, neighbours and nodes would send them', () => {
    expect(
      trials.filter((trial) => trial.probes.length === 0).map(({ permission }) => permission.match),
    ).toEqual([{ states: ['established', 'related'] }, { states: ['established', 'related'] }])
    expect(trials.flatMap(({ obstacles }) => obstacles)).toEqual([])
    const server = probes.find(({ packet }) => packet.hook === 'input' && packet.dport === 1194)
    expect(server).toMatchObject({ entry: 'receive', iface: 'eth9', daddr: '192.0.2.5' })
    const forwarded = probes.filter(({ packet }) => packet.hook === 'forward')
    expect(forwarded.every(({ saddr, daddr }) => saddr !== daddr)).toBe(true)
  })

  it('each have a mark of their own, and one rule at each end', () => {
    expect(new Set(probes.map(({ mark }) => mark)).size).toBe(probes.length)
    const script = probeTableScript(
      probes,
      [{ address: '192.0.2.1', port: 80, protocol: 'tcp', role: 'server' }],
      true,
    )
    for (const { mark } of probes) {
      expect(script.match(new RegExp(`comment "first ${mark}"`, 'g'))).toHaveLength(1)
      expect(script.match(new RegExp(`drop comment "last ${mark}"`, 'g'))).toHaveLength(1)
    }
  })

  it('do not switch connection tracking on where no rule asks it', () => {
    const partner = { address: '192.0.2.1', port: 80, protocol: 'tcp', role: 'server' } as const
    expect(probeTableScript(probes, [partner], false)).not.toMatch(/\bct /)
    expect(usesTracking('ct state vmap { established : accept }')).toBe(true)
    expect(usesTracking('xt match "conntrack" counter accept')).toBe(true)
    expect(usesTracking('tcp dport 22 accept')).toBe(false)
  })

  it('leave others of partners alone, but those that connection tracking knows as of a connection', () => {
    const script = probeTableScript(
      [],
      [
        { address: '192.0.2.1', port: 80, protocol: 'tcp', role: 'server' },
        { address: '192.0.2.2', port: 40_000, protocol: 'tcp', role: 'client' },
      ],
      true,
    )
    const chains = script.split('\tchain ')
    const watching = chains.filter((chain) => /\b192\.0\.2\./.test(chain))
    // What comes before connection tracking (-200) has no state yet.
    expect(watching.map((chain) => Number(/ priority (-?\d+);/.exec(chain)?.[1]) > -200)).toEqual(
      Array<boolean>(4).fill(true),
    )
    const rules = script.split('\n').filter((line) => /\b192\.0\.2\./.test(line))
    expect(rules.filter((rule) => !rule.includes('ct state established'))).toEqual([])
    const traced = rules.filter((rule) => rule.includes('nftrace'))
    expect(traced.map((rule) => /ip [sd]addr \S+/.exec(rule)?.[0])).toEqual([
      'ip saddr 192.0.2.1',
      'ip daddr 192.0.2.1',
      'ip daddr 192.0.2.2',
    ])
  })

  it('cannot be tried inside the network where no node runs, which is no fault', () => {
    const alone = { ...MACHINE, interfaces: MACHINE.interfaces.slice(0, 2), ways: [], self: {} }
    const judged = judge(
      trialsOf(permissionsOf(surroundings), alone, marksFrom(7)),
      answersOf(() => true),
    )
    expect(judged.judgements.filter(({ state }) => state === 'missing')).toEqual([])
    expect(judged.judgements.some(({ state }) => state === 'unknown')).toBe(true)
  })

  test('are whole for every kind', fc.constantFrom(...probes), ({ bytes, saddr }) => {
    const isIpv6 = saddr.includes(':')
    expect((bytes[0] ?? 0) >> 4).toBe(isIpv6 ? 6 : 4)
    expect(isIpv6 ? bytes.readUInt16BE(4) + 40 : bytes.readUInt16BE(2)).toBe(bytes.length)
  })
})

describe('bytes of a packet', () => {
  const whole: WholePacket = {
    protocol: 'tcp',
    saddr: '198.51.100.7',
    daddr: '192.0.2.1',
    sport: 49_321,
    dport: 1194,
    icmpType: 0,
    mark: 1,
  }
  /** The sum of what is covered, its checksum included, is all ones (RFC 1071). */
  const sum = (bytes: Buffer) => {
    let total = 0
    for (let at = 0; at < bytes.length; at += 2) total += bytes.readUInt16BE(at)
    while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
    return total
  }
  it('have the checksums that receivers expect', () => {
    const tcp = packetBytes(whole)
    expect(sum(tcp.subarray(0, 20))).toBe(0xffff)
    expect(sum(Buffer.concat([tcp.subarray(12), Buffer.from([0, 6, 0, 20])]))).toBe(0xffff)
    const ping = packetBytes({
      ...whole,
      protocol: 'ipv6-icmp',
      saddr: 'fe80::1',
      daddr: 'ff02::1',
      icmpType: 128,
    })
    expect(sum(Buffer.concat([ping.subarray(8), Buffer.from([0, 24, 0, 58])]))).toBe(0xffff)
  })
})

describe('the judgement', () => {
  it('is that all is there where all passed', () => {
    const { judgements, reversePaths } = judge(
      trials,
      answersOf(() => true),
    )
    expect(judgements.filter(({ state }) => state !== 'present')).toEqual([])
    expect(reversePaths).toEqual([])
  })

  describe('of packets of connections', () => {
    const drop = 'the policy of inet filter input: drop'
    const inward = (
      passages: Readonly<Record<string, readonly [came: number, passed: number]>>,
      by?: string,
    ) =>
      judge(
        trials,
        answersOf(() => true, {
          passages: new Map(
            Object.entries(passages).map(([name, [came, passed]]) => [name, { came, passed }] as const),
          ),
          drops: new Map(by === undefined ? [] : [['partners-in', by]]),
        }),
      ).judgements.find(({ permission: { hook, match } }) => hook === 'input' && match.states !== undefined)

    it.each([
      ['none came', {}, undefined, 'unknown'],
      ['none came, and clients of this node sent some', { 'clients-in': [2, 2] }, undefined, 'present'],
      ['none came, and those of clients were dropped', { 'clients-in': [2, 0] }, undefined, 'unknown'],
      ['all passed', { 'partners-in': [3, 3] }, undefined, 'present'],
      ['some are on their way yet', { 'partners-in': [3, 2] }, undefined, 'present'],
      ['none arrived, and no rule dropped it', { 'partners-in': [3, 0] }, undefined, 'unknown'],
      ['a rule dropped one', { 'partners-in': [3, 2] }, drop, 'missing'],
      [
        'a rule dropped one, whatever clients sent',
        { 'partners-in': [1, 0], 'clients-in': [2, 2] },
        drop,
        'missing',
      ],
    ] as const)('when %s', (_, passages, by, state) => {
      expect(inward(passages, by)?.state).toBe(state)
    })
  })

  it('names the rule that dropped one, and no other permission', () => {
    const server = probes.find(({ packet }) => packet.hook === 'input' && packet.dport === 1194)
    const mark = server?.mark ?? 0
    const drops = new Map([[String(mark), 'inet filter input: tcp dport 1194 drop']])
    const { judgements } = judge(
      trials,
      answersOf((one) => one !== mark, { drops }),
    )
    const missing = judgements.filter(({ state }) => state === 'missing')
    expect(missing.map(({ permission }) => permission.match.dport)).toEqual([1194])
    expect(missing[0]?.details[0]).toMatch(/dropped by inet filter input: tcp dport 1194 drop$/)
  })

  it.each<[string, MachineAddresses]>([
    ['the tunnel', { ...MACHINE, interfaces: MACHINE.interfaces.filter(({ name }) => name !== 're6stnet1') }],
    [
      'the tunnel, and another has its name',
      {
        ...MACHINE,
        interfaces: MACHINE.interfaces.map((one) => (one.name === 're6stnet1' ? { ...one, index: 5 } : one)),
      },
    ],
    ['the way', { ...MACHINE, ways: MACHINE.ways.filter(({ iface }) => iface !== 're6stnet1') }],
    [
      'the way, there is another',
      { ...MACHINE, ways: MACHINE.ways.map((way) => ({ ...way, iface: 're6stnet-tcp' })) },
    ],
  ])('takes no packet for dropped where %s went away meanwhile', (_, after) => {
    const through = probes.filter(({ packet: { iif, oif } }) => iif === 're6stnet-tcp' && oif === 're6stnet1')
    expect(through).not.toEqual([])
    const marks = new Set(through.map(({ mark }) => mark))
    const states = (holds: KernelAnswers['holds']) =>
      judge(
        trials,
        answersOf((mark) => !marks.has(mark), {
          drops: new Map([...marks].map((mark) => [String(mark), 'the policy of inet filter forward: drop'])),
          holds,
        }),
      ).judgements.map(({ state }) => state)
    expect(states(() => true)).toContain('missing')
    expect(states((probe) => stillHolds(probe, MACHINE, MACHINE))).toContain('missing')
    expect(new Set(states((probe) => stillHolds(probe, MACHINE, after)))).toEqual(new Set(['present']))
  })

  it('tells a filter that looks at the way back from a port that is closed', () => {
    const detours = new Set(probes.filter(({ isDetour }) => isDetour).map(({ mark }) => mark))
    expect(detours.size).toBeGreaterThan(0)
    const drops = new Map(
      [...detours].map((mark) => [String(mark), 'inet f pre: fib saddr . iif oif missing drop']),
    )
    const verdict = judge(
      trials,
      answersOf((mark) => !detours.has(mark), { drops }),
    )
    expect(verdict.judgements.filter(({ state }) => state !== 'present')).toEqual([])
    expect(verdict.reversePaths).toHaveLength(1)
  })

  it('knows of the old iptables only that it drops; and is none where nothing dropped it', () => {
    const states = (hasLegacyRules: boolean) =>
      new Set(
        judge(
          trials,
          answersOf(() => false, { hasLegacyRules }),
        ).judgements.map(({ state }) => state),
      )
    expect(states(true)).toContain('missing')
    expect(states(false)).not.toContain('missing')
  })
})

describe('the trace of the kernel', () => {
  it('says which rule or policy dropped which probe', () => {
    const trace = new ProbeTrace()
    for (const line of [
      'trace id fe36f70e inet re6st_firewall_check first_prerouting packet: iif "eth0" ip saddr 198.51.100.7',
      'trace id fe36f70e inet re6st_firewall_check first_prerouting rule tcp sequence 1 counter packets 0 bytes 0 meta nftrace set 1 comment "first 12" (verdict continue)',
      'trace id fe36f70e ip filter INPUT rule tcp dport 1194 counter packets 3 bytes 120 drop (verdict drop)',
      'trace id c4263086 inet re6st_firewall_check first_output rule ip id 13 counter packets 0 bytes 0 meta nftrace set 1 comment "first 13" (verdict continue)',
      'trace id c4263086 inet filter output policy drop ',
      'trace id 11111111 inet re6st_firewall_check first_output rule ip id 14 comment "first 14" (verdict continue)',
      'trace id 11111111 inet filter output rule tcp dport 22 accept (verdict accept)',
      'something else',
    ])
      trace.line(line)
    expect([...trace.drops()]).toEqual([
      ['12', 'ip filter INPUT: tcp dport 1194 drop'],
      ['13', 'the policy of inet filter output: drop'],
    ])
    expect(trace.has(14)).toBe(true)
    expect(trace.has(15)).toBe(false)
  })

  test('takes whatever is printed', fc.string(), (text) => {
    new ProbeTrace().line(`trace id ${text}`)
    expect(readPassages(text).ok).toBe(false)
  })
})
