import { describe, expect, it } from 'vitest'
import { fateOf } from '../../../../src/core/firewall/fate.ts'
import { readIptables } from '../../../../src/core/firewall/iptables-ruleset.ts'
import { judge } from '../../../../src/core/firewall/judgement.ts'
import { readNftables, rulesetOf } from '../../../../src/core/firewall/nftables-ruleset.ts'
import { type Packet, STRANGER } from '../../../../src/core/firewall/permission.ts'
import { permissionsOf } from '../../../../src/core/firewall/permissions.ts'
import type { Ruleset } from '../../../../src/core/firewall/ruleset.ts'
import { surroundingsOf } from '../../../support/firewall.ts'
import { fc, test } from '../../../support/property.ts'

/** A rule as `nft -j` prints it. */
type Statement = Readonly<Record<string, unknown>>

const field = (protocol: string, name: string) => ({ payload: { protocol, field: name } })
const meta = (key: string) => ({ meta: { key } })
const match = (left: unknown, right: unknown, op = '=='): Statement => ({ match: { op, left, right } })
const ACCEPT: Statement = { accept: null }
const DROP: Statement = { drop: null }
const jump = (target: string): Statement => ({ jump: { target } })

/** What nft lists when the chain `input` drops and has these rules, with further chains and sets beside it. */
function listing(
  input: readonly (readonly Statement[])[],
  {
    chains = {},
    more = [],
  }: { chains?: Readonly<Record<string, readonly (readonly Statement[])[]>>; more?: readonly unknown[] } = {},
): Ruleset {
  const of = { family: 'inet', table: 'filter' }
  const base = { type: 'filter', hook: 'input', prio: 0, policy: 'drop' }
  const rules = (chain: string, all: readonly (readonly Statement[])[]) =>
    all.map((expr, at) => ({ rule: { ...of, chain, handle: at + 10, expr } }))
  const read = readNftables(
    JSON.stringify({
      nftables: [
        { metainfo: { json_schema_version: 1 } },
        { table: { family: 'inet', name: 'filter', handle: 1 } },
        { chain: { ...of, name: 'input', ...base } },
        ...Object.keys(chains).map((name) => ({ chain: { ...of, name } })),
        ...more,
        ...rules('input', input),
        ...Object.entries(chains).flatMap(([name, all]) => rules(name, all)),
      ],
    }),
  )
  if (!read.ok) throw new Error(read.reason)
  return rulesetOf(read.value, new Map())
}

const TCP: Packet = {
  ...{ hook: 'input', family: 'ipv4', protocol: 'tcp', state: 'new', iif: 'eth0' },
  ...{ saddr: STRANGER, sport: 50_000, dport: 1194 },
}
const kind = (ruleset: Ruleset, packet: Packet = TCP) => fateOf(ruleset, packet).kind

describe('rules of nftables', () => {
  it('decide in order, and the policy at the end', () => {
    const port = match(field('tcp', 'dport'), 1194)
    expect(kind([])).toBe('accepted')
    expect(fateOf(listing([]), TCP)).toEqual({ kind: 'dropped', by: 'policy of inet filter input' })
    expect(kind(listing([[port, ACCEPT], [DROP]]))).toBe('accepted')
    expect(fateOf(listing([[port, DROP], [ACCEPT]]), TCP)).toEqual({
      kind: 'dropped',
      by: 'rule 10 of inet filter input',
    })
    expect(kind(listing([[{ reject: { type: 'icmpx', expr: 'admin-prohibited' } }, ACCEPT]]))).toBe('dropped')
    expect(kind(listing([[{ counter: { packets: 0, bytes: 0 } }, { log: null }], [ACCEPT]]))).toBe('accepted')
  })

  it.each([
    ['a port', [match(field('tcp', 'dport'), 1194)]],
    ['a set of ports', [match(field('tcp', 'dport'), { set: [22, { range: [1000, 2000] }] })]],
    ['ports from one on', [match(field('tcp', 'dport'), 1024, '>=')]],
    ['any port but one', [match(field('tcp', 'dport'), 22, '!=')]],
    [
      'a port of either protocol',
      [match(meta('l4proto'), { set: ['tcp', 'udp'] }), match(field('th', 'dport'), 1194)],
    ],
    ['a protocol', [match(meta('l4proto'), 'tcp')]],
    ['a protocol in the IP header', [match(field('ip', 'protocol'), 'tcp')]],
    ['an IP version', [match(meta('nfproto'), 'ipv4')]],
    ['an Ethernet protocol', [match(meta('protocol'), 'ip')]],
    ['an interface', [match(meta('iifname'), 'eth0')]],
    ['interfaces with a common beginning', [match(meta('iifname'), 'eth*')]],
    ['a named set', [match(meta('iifname'), '@ours')]],
    ['any interface but one', [match(meta('iif'), 'lo', '!=')]],
    ['a state', [match({ ct: { key: 'state' } }, ['new', 'established'], 'in')]],
    ['any source but one', [match(field('ip', 'saddr'), { prefix: { addr: '10.0.0.0', len: 8 } }, '!=')]],
  ])('match by %s', (_, conditions) => {
    const more = [{ set: { family: 'inet', table: 'filter', name: 'ours', elem: ['eth0', 'eth1'] } }]
    const other: Packet = { ...TCP, family: 'ipv6', protocol: 'udp', iif: 'lo', state: 'related', dport: 22 }
    expect(kind(listing([[...conditions, ACCEPT]], { more }))).toBe('accepted')
    expect(kind(listing([[...conditions, ACCEPT]], { more }), other)).toBe('dropped')
  })

  it('jump, return and go on', () => {
    const chains = {
      web: [[match(field('tcp', 'dport'), 80), ACCEPT]],
      tunnels: [[match(field('tcp', 'dport'), 1194), ACCEPT], [DROP]],
      back: [[{ return: null }], [DROP]],
    }
    expect(kind(listing([[jump('web')], [jump('back')], [jump('tunnels')]], { chains }))).toBe('accepted')
    expect(kind(listing([[jump('web')], [ACCEPT]], { chains }))).toBe('accepted')
    expect(kind(listing([[{ goto: { target: 'web' } }], [ACCEPT]], { chains }))).toBe('dropped')
  })

  it('use verdict maps', () => {
    const states = (state: string) => ({
      vmap: {
        key: { ct: { key: 'state' } },
        data: {
          set: [
            ['invalid', DROP],
            [state, ACCEPT],
          ],
        },
      },
    })
    expect(kind(listing([[states('new')]]))).toBe('accepted')
    expect(kind(listing([[states('established')]]))).toBe('dropped')
    const more = [
      {
        map: {
          family: 'inet',
          table: 'filter',
          name: 'ports',
          elem: [
            [22, DROP],
            [1194, ACCEPT],
          ],
        },
      },
    ]
    expect(kind(listing([[{ vmap: { key: field('tcp', 'dport'), data: '@ports' } }]], { more }))).toBe(
      'accepted',
    )
  })

  it('that name some hosts do not mean hosts in general', () => {
    const office = match(field('ip', 'saddr'), { prefix: { addr: '198.51.100.0', len: 24 } })
    expect(kind(listing([[office, ACCEPT]]))).toBe('dropped')
    expect(kind(listing([[office, DROP], [ACCEPT]]))).toBe('accepted')
    const global = match(field('ip6', 'saddr'), { prefix: { addr: '2000::', len: 3 } })
    expect(kind(listing([[global, ACCEPT]]), { ...TCP, family: 'ipv6' })).toBe('accepted')
  })

  it('that cannot be judged are named, where they matter', () => {
    const limited = [{ limit: { rate: 5, per: 'second' } }, ACCEPT]
    expect(fateOf(listing([limited]), TCP)).toEqual({
      kind: 'unknown',
      because: ['rule 10 of inet filter input (limit)'],
    })
    expect(kind(listing([limited, [ACCEPT]]))).toBe('accepted')
    expect(kind(listing([[{ limit: { rate: 5 } }, { log: null }], [ACCEPT]]))).toBe('accepted')
    expect(kind(listing([[match({ fib: { result: 'oif' } }, false), DROP], [ACCEPT]]))).toBe('unknown')
    expect(kind(listing([[{ queue: { num: 1 } }]]))).toBe('unknown')
    expect(kind(listing([[jump('nowhere')]]))).toBe('unknown')
    expect(kind(listing([[jump('round')]], { chains: { round: [[jump('round')]] } }))).toBe('unknown')
  })

  it('all chains on the way count, not only the first', () => {
    const chain = {
      family: 'ip',
      table: 'other',
      name: 'early',
      type: 'filter',
      hook: 'prerouting',
      prio: -300,
    }
    const more = [{ table: { family: 'ip', name: 'other' } }, { chain: { ...chain, policy: 'drop' } }]
    expect(kind(listing([[ACCEPT]], { more }))).toBe('dropped')
    const dormant = [{ table: { family: 'ip', name: 'other', flags: ['dormant'] } }, more[1]]
    expect(kind(listing([[ACCEPT]], { more: dormant }))).toBe('accepted')
    expect(kind(listing([[ACCEPT]], { more }), { ...TCP, family: 'ipv6' })).toBe('accepted')
  })
})

describe('rules of iptables', () => {
  const saved = (...rules: string[]) => [
    ...readIptables(
      ['*filter', ':INPUT DROP [0:0]', ':OURS - [0:0]', ...rules, 'COMMIT', ''].join('\n'),
      'ipv4',
    ).values(),
  ]

  it.each([
    ['-A INPUT -p tcp -m tcp --dport 1194 -m comment --comment "-j DROP" -j ACCEPT', 'accepted'],
    ['-A INPUT -p tcp -m multiport --dports 22,1000:2000 -j ACCEPT', 'accepted'],
    ['-A INPUT ! -i eth+ -j ACCEPT', 'dropped'],
    ['-A INPUT -i eth+ -m conntrack --ctstate NEW -j ACCEPT', 'accepted'],
    ['-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT', 'accepted'],
    ['-A INPUT -s 10.0.0.0/8 -j ACCEPT', 'dropped'],
    ['-A INPUT ! -s 10.0.0.0/8 -j ACCEPT', 'accepted'],
    ['-A INPUT -p udp -j ACCEPT', 'dropped'],
    ['-A INPUT -m limit --limit 5/sec -j ACCEPT', 'unknown'],
    ['-A INPUT -m set --match-set good src -j ACCEPT', 'unknown'],
    ['-A INPUT -j OURS', 'dropped'],
    ['-A INPUT -j NFQUEUE --queue-num 3', 'unknown'],
    ['-A INPUT -j LOG --log-prefix "-j ACCEPT"', 'dropped'],
  ] as const)('%s', (rule, expected) => {
    expect(kind(saved(rule))).toBe(expected)
  })

  it('count in the place of what nftables makes of them', () => {
    expect(kind(saved('-A OURS -p tcp -j ACCEPT', '-A INPUT -j OURS'))).toBe('accepted')
    expect(fateOf(saved('-A INPUT -i lo -j ACCEPT', '-A INPUT -p tcp -j REJECT'), TCP)).toEqual({
      kind: 'dropped',
      by: 'rule 2 of iptables filter INPUT',
    })
  })
})

describe('whatever is loaded', () => {
  const permissions = permissionsOf(surroundingsOf(['-i', 'eth0']))
  const names = fc.constantFrom('filter', 'input', 'a', 'b')
  /** Like JSON of nft, as far as one can get without being it. */
  const statement = fc.oneof(
    fc.jsonValue(),
    fc.record({ jump: fc.record({ target: names }) }),
    fc.record({
      match: fc.record({
        op: fc.constantFrom('==', '!=', 'in', '<'),
        left: fc.jsonValue(),
        right: fc.jsonValue(),
      }),
    }),
    fc.record({
      match: fc.record({
        op: fc.constantFrom('==', '>'),
        left: fc.constantFrom(field('ip', 'saddr'), field('tcp', 'dport'), meta('iifname')),
        right: fc.jsonValue(),
      }),
    }),
    fc.record({ vmap: fc.record({ key: fc.jsonValue(), data: fc.jsonValue() }) }),
    fc.record({ [`xt`]: fc.jsonValue() }),
  )
  const entry = fc.oneof(
    fc.jsonValue(),
    fc.record({
      table: fc.record({ family: fc.constantFrom('inet', 'ip'), name: names, flags: fc.jsonValue() }),
    }),
    fc.record({
      chain: fc.record({
        family: fc.constant('inet'),
        table: names,
        name: names,
        hook: fc.constantFrom('input', 'forward', 3),
        prio: fc.jsonValue(),
        policy: fc.jsonValue(),
      }),
    }),
    fc.record({
      set: fc.record({ family: fc.constant('inet'), table: names, name: names, elem: fc.jsonValue() }),
    }),
    fc.record({
      rule: fc.record({
        family: fc.constant('inet'),
        table: names,
        chain: names,
        handle: fc.jsonValue(),
        expr: fc.oneof(fc.array(statement), fc.jsonValue()),
      }),
    }),
  )

  test(
    'any JSON as a ruleset is judged, or refused, and never crashes',
    fc.oneof(fc.array(entry), fc.jsonValue()),
    (nftables) => {
      for (const text of [JSON.stringify({ nftables }), JSON.stringify(nftables)]) {
        const read = readNftables(text)
        if (!read.ok) expect(read.reason).toMatch(/^nft printed/)
        else expect(judge(permissions, rulesetOf(read.value, new Map()))).toHaveLength(permissions.length)
      }
    },
  )

  test('what is no JSON is refused', fc.string(), (text) => {
    expect(readNftables(`[${text}`).ok).toBe(false)
  })

  it('an object that cannot be made a text is no text', () => {
    const odd = { toString: 1, valueOf: 1 }
    const rule = {
      family: 'inet',
      table: odd,
      chain: odd,
      handle: odd,
      expr: [{ match: { op: odd, left: { meta: { key: odd } }, right: odd } }],
    }
    const chain = { family: 'inet', table: odd, name: odd, hook: odd, prio: odd, policy: odd, dev: odd }
    expect(
      readNftables(
        JSON.stringify({ nftables: [{ table: { family: 'inet', name: odd } }, { rule }, { chain }] }),
      ).ok,
    ).toBe(true)
  })

  const line = fc.oneof(
    fc.string(),
    fc
      .array(
        fc.constantFrom(
          '-A',
          'INPUT',
          '!',
          '-i',
          '-s',
          '--dport',
          '-p',
          '-j',
          '-m',
          '--comment',
          '"',
          '1:',
          ':',
          '10.0.0.0/99',
          'ACCEPT',
          '',
        ),
      )
      .map((words) => words.join(' ')),
    fc.constantFrom('*filter', ':INPUT DROP [0:0]', ':x - [0:0]', 'COMMIT', ':__proto__ DROP'),
  )

  test('any text of iptables-save is judged', fc.array(line), (lines) => {
    const tables = (['ipv4', 'ipv6'] as const).flatMap((family) => [
      ...readIptables(lines.join('\n'), family).values(),
    ])
    expect(judge(permissions, tables)).toHaveLength(permissions.length)
  })

  it('chains that call each other twice at each level cost no more than once', () => {
    const chains = Object.fromEntries(
      Array.from({ length: 30 }, (_, at) => [`c${at}`, [[jump(`c${at + 1}`)], [jump(`c${at + 1}`)]]]),
    )
    expect(kind(listing([[jump('c0')]], { chains: { ...chains, c30: [[ACCEPT]] } }))).toBe('accepted')
  })
})
