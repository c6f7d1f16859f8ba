import { expect, test } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { finds } from '../../support/doctor.ts'
import { pings, tunnelsOf, withNetwork } from '../../support/networks.ts'
import { loadStrict, type RulesetKind } from '../../support/strict-firewall.ts'

const TIMEOUT_MS = 1_200_000

const disabled = (...protocols: string[]) => protocols.flatMap((protocol) => ['--disable-proto', protocol])

/** Lets through what `re6st firewall` prints for the options of the node, and nothing else. */
async function fortify({ machine }: Re6stNode, words: readonly string[], kind: RulesetKind) {
  const option = kind === 'iptables' ? ['--iptables'] : []
  const { stdout } = await machine.run(...programOf('re6st'), 'firewall', ...option, ...words)
  await loadStrict(machine, stdout, kind)
}

test(
  'behind a firewall of exactly the printed rules, for iptables too, tunnels over UDP and IPv6 and --client carry packets, and the doctor finds nothing',
  { timeout: TIMEOUT_MS },
  () =>
    withNetwork(
      'firewall-variants',
      {
        nodeCount: 1,
        nodeOptions: [...disabled('none'), '--pp', '1194', 'udp', '--pp', '1195', 'tcp6'],
      },
      async ({ lab, nodes }) => {
        const [peer, node] = nodes
        if (!node) throw new Error('the network has no second node')
        const client = `${peer.machine.addresses.ipv4},1194,udp`
        for (const { kind, options, protocol } of [
          {
            kind: 'iptables',
            options: [...disabled('tcp', 'tcp6', 'udp6'), '--pp', '1194', 'udp'],
            protocol: 'udp',
          },
          {
            kind: 'nftables',
            options: [...disabled('tcp', 'tcp6', 'udp6'), '--pp', '1194', 'udp'],
            protocol: 'udp',
          },
          {
            kind: 'iptables',
            options: [...disabled('tcp', 'udp', 'udp6'), '--pp', '1195', 'tcp6'],
            protocol: 'tcp6',
          },
          { kind: 'iptables', options: [...disabled('none'), '--client', client], protocol: 'udp' },
        ] as const) {
          await node.stop()
          await fortify(node, node.commandLine(options).slice(programOf('re6stnet').length), kind)
          node.start(...options)
          await pings(lab, node.machine, peer.address)
          await pings(lab, peer.machine, node.address)
          const protocols = new Set((await tunnelsOf(node)).map((tunnel) => tunnel.protocol))
          expect([...protocols]).toEqual([protocol])
          await finds(lab, node, [])
        }
      },
    ),
)
