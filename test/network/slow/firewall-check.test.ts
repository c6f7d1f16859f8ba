import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkCommand, checkFirewall, findsNothing } from '../../support/firewall-check.ts'
import { CALM, DEADLINE_MS, type TestNetwork, withNetwork } from '../../support/networks.ts'

/** Checks of some seconds each, one after the other, and the network heals in between. */
const TIMEOUT_MS = 1_500_000

/** Rules as real firewalls write them. */
const fileOf = (name: string) => new URL(`../../vectors/firewalls/${name}`, import.meta.url).pathname

/** A rule set, changed or not, and what must be found: rules of permissions, with what drops them. */
interface Case {
  readonly name: string
  readonly files: readonly string[]
  readonly change?: (rules: string) => string
  readonly missing: readonly (readonly [rule: string, by: RegExp])[]
  readonly reversePath?: RegExp
}

const SERVER = 'meta nfproto ipv4 tcp dport 1194'
const NODES = 'ip6 saddr 2001:db8:42::/48 udp dport 326'
const THROUGH = 'iifname "re6stnet*" oifname "re6stnet*" meta nfproto ipv6'
const DISCOVERY =
  'icmpv6 type { mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }'

const without = (text: string) => (rules: string) => rules.replace(text, '')
const UFW = ['ufw.v4', 'ufw.v6']
const KUBE = ['kube.v4', 'kube.v6']
/** The public zone with what a node needs. */
const openFirewalld = (rules: string) =>
  rules
    .replace('tcp dport 22 accept;', 'tcp dport { 22, 1194 } accept; udp dport { 326, 6696 } accept;')
    .replace('chain filter_FORWARD {', 'chain unused { }\n  chain filter_FORWARD {')
    .replace(
      'reject with icmpx admin-prohibited\n  }\n  chain filter_OUTPUT',
      'iifname "re6stnet*" oifname "re6stnet*" accept\n    reject with icmpx admin-prohibited\n  }\n  chain filter_OUTPUT',
    )
const PATH_FILTER = 'meta nfproto ipv6 fib saddr . mark . iif oif missing drop'

const CASES: readonly Case[] = [
  { name: 'nftables', files: ['typical.nft'], missing: [] },
  {
    name: 'nftables without the port of the server',
    files: ['typical.nft'],
    change: without(', 1194'),
    missing: [[SERVER, /^the policy of inet filter input: drop$/]],
  },
  {
    name: 'nftables with the port for IPv6 only',
    files: ['block4.nft'],
    missing: [[SERVER, /^the policy of inet filter input: drop$/]],
  },
  { name: 'nftables with every kind of expression', files: ['rh0.nft'], missing: [] },
  {
    name: 'nftables with every kind of expression, and no port',
    files: ['rh0.nft'],
    change: without('tcp . 1194, '),
    missing: [[SERVER, /^the policy of inet filter input: drop$/]],
  },
  {
    name: 'OpenWrt, which lets no listener query in',
    files: ['openwrt.nft'],
    missing: [[DISCOVERY, /^inet fw4 handle_reject: reject/]],
  },
  {
    name: 'OpenWrt with them',
    files: ['openwrt.nft'],
    change: (rules) => rules.replace('icmpv6 type { echo', 'icmpv6 type { mld-listener-query, echo'),
    missing: [],
  },
  {
    name: 'firewalld with its path filter',
    files: ['fwd.nft'],
    change: openFirewalld,
    missing: [],
    reversePath: /filter_PREROUTING: .*fib saddr \. mark \. iif oif missing drop$/,
  },
  {
    name: 'firewalld',
    files: ['fwd.nft'],
    change: (rules) => openFirewalld(rules).replace(PATH_FILTER, ''),
    missing: [],
  },
  {
    name: 'firewalld without the port of the server',
    files: ['fwd.nft'],
    change: (rules) => openFirewalld(rules).replace(PATH_FILTER, '').replace('{ 22, 1194 }', '22'),
    missing: [[SERVER, /^inet firewalld filter_IN_public: reject with icmpx admin-prohibited$/]],
  },
  {
    name: 'firewalld that forwards nothing',
    files: ['fwd.nft'],
    change: (rules) =>
      openFirewalld(rules)
        .replace(PATH_FILTER, '')
        .replace('iifname "re6stnet*" oifname "re6stnet*" accept', ''),
    missing: [[THROUGH, /^inet firewalld filter_FORWARD: reject with icmpx admin-prohibited$/]],
  },
  { name: 'ufw', files: UFW, missing: [] },
  {
    name: 'ufw without the port of nodes',
    files: UFW,
    change: without('-A ufw6-user-input -i re6stnet+ -p udp -m udp --dport 326 -j ACCEPT'),
    missing: [[NODES, /^the policy of ip6 filter INPUT: drop$/]],
  },
  { name: 'Docker', files: ['docker28.v4'], missing: [] },
  {
    name: 'Docker and a rule that drops',
    files: ['docker28.v4'],
    change: (rules) => rules.replace('-A FORWARD -j DOCKER-USER', '-A INPUT -p tcp --dport 1194 -j DROP\n$&'),
    missing: [[SERVER, /^ip filter INPUT: .*dport 1194 .*drop$/]],
  },
  { name: 'Kubernetes', files: KUBE, missing: [] },
  {
    name: 'Kubernetes and a mark',
    files: KUBE,
    change: (rules) =>
      rules.replace(
        '-A INPUT -j KUBE-FIREWALL',
        '-A INPUT -p tcp --dport 1194 -j MARK --set-mark 0x8000\n$&',
      ),
    missing: [[SERVER, /^ip filter KUBE-FIREWALL: .*drop$/]],
  },
]

async function load(
  { machine }: TestNetwork['nodes'][number],
  { files, change = (rules) => rules }: Case,
): Promise<void> {
  for (const file of files) {
    const family = file.endsWith('.v6') ? 'ip6tables' : 'iptables'
    // Sets of addresses are no part of this kernel.
    const rules = change(readFileSync(fileOf(file), 'utf8')).replace(/^.*--match-set.*\n/gm, '')
    const loader = file.endsWith('.nft') ? 'nft -f -' : `${family}-restore`
    await machine.run('sh', '-c', `printf '%s' "$1" | ${loader}`, 'sh', rules)
  }
}

/** What is left of a check in the kernel. */
const leftovers = async ({ machine }: TestNetwork['nodes'][number]) =>
  (await machine.run('sh', '-c', 'nft list tables | grep re6st; ip -o link | grep re6st-check; :')).stdout

describe('re6st firewall --check', () => {
  test(
    'finds in the rules of real firewalls what is closed, with its rule, and nothing else',
    {
      timeout: TIMEOUT_MS,
    },
    () =>
      withNetwork('walls', { ...CALM, nodeCount: 2 }, async ({ lab, network, nodes }) => {
        // The last one has made its tunnels itself: an interface each, so that packets can come by another than they go.
        const [, , node] = nodes
        if (!node) throw new Error('the network has no third node')
        await findsNothing(lab, node)
        for (const one of CASES) {
          await load(node, one)
          const { status, missing, untried, reversePaths } = await checkFirewall(node)
          await node.machine.run('nft', 'flush ruleset')
          const found = missing.map(({ rule }) => rule)
          expect(found, one.name).toEqual(one.missing.map(([rule]) => rule))
          for (const [at, [, by]] of one.missing.entries())
            expect(missing[at]?.details[0]?.replace(/^.*: dropped by /, ''), one.name).toMatch(by)
          expect(untried, one.name).toEqual([])
          if (one.reversePath) expect(reversePaths[0]?.by, one.name).toMatch(one.reversePath)
          else expect(reversePaths, one.name).toEqual([])
          if (found.length > 0 || one.reversePath) expect(status, one.name).toBe(1)
          await network.allPairsPing({ deadlineMs: DEADLINE_MS })
        }
        expect(await leftovers(node)).toBe('')
      }),
  )

  test(
    'says of rules of the old iptables that they drop, not which; leaves nothing behind when it is killed',
    {
      timeout: TIMEOUT_MS,
    },
    () =>
      withNetwork('old-walls', { ...CALM, nodeCount: 1 }, async ({ lab, nodes }) => {
        const [, node] = nodes
        if (!node) throw new Error('the network has no second node')
        const legacy = (action: string) =>
          node.machine.run('iptables-legacy', action, 'INPUT', '-p', 'tcp', '--dport', '1194', '-j', 'DROP')
        await legacy('-A')
        const closed = await checkFirewall(node)
        expect(closed.missing.map(({ rule }) => rule)).toEqual([SERVER])
        expect(closed.missing[0]?.details[0]).toMatch(/dropped by a rule of the old iptables/)
        await legacy('-D')
        expect((await checkFirewall(node)).missing).toEqual([])

        const check = node.machine.start(checkCommand(node))
        await lab.waitFor(async () => (await leftovers(node)) !== '', {
          what: 'the check to make its table',
          deadlineMs: DEADLINE_MS,
        })
        process.kill(check.pid ?? 0, 'SIGKILL')
        await check.ended
        await lab.waitFor(async () => (await leftovers(node)) === '', {
          what: 'the table and the link of a check that was killed to be gone',
          deadlineMs: DEADLINE_MS,
        })
        expect((await checkFirewall(node)).missing).toEqual([])

        // Tunnels come and go; one that is gone when its turn comes is not tried.
        const restless = node.machine.start([
          ...['sh', '-c', 'while ip tuntap add $0 mode tap && ip link set $0 up; do ip link delete $0; done'],
          're6stnet99',
        ])
        for (let round = 0; round < 3; round++)
          expect(await checkFirewall(node)).toMatchObject({ missing: [], untried: [], reversePaths: [] })
        expect(restless.end).toBeUndefined()
        await restless.stop()

        // Nobody can be asked when nothing runs; what comes from outside is tried all the same.
        await node.stop()
        await node.machine.run('nft', '-f', fileOf('block4.nft'))
        const alone = await checkFirewall(node)
        expect(alone.status).toBe(1)
        expect(alone.missing.map(({ rule }) => rule)).toEqual([SERVER])
        expect(alone.untried.map(({ rule }) => rule)).toContain(NODES)
        expect(alone.notAsked).not.toEqual([])
      }),
  )
})
