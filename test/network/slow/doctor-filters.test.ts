import { describe, expect, test } from 'vitest'
import { finds, withRules } from '../../support/doctor.ts'
import { withNetwork } from '../../support/networks.ts'

const TIMEOUT_MS = 1_200_000
const INPUT = 'type filter hook input priority 0'
const OUTPUT = 'type filter hook output priority 0'

describe('the doctor', () => {
  test(
    'finds what this machine does not let out, what the neighbour does not let in, and ports over UDP and IPv6 that nobody reaches',
    { timeout: TIMEOUT_MS },
    () =>
      withNetwork(
        'ill-filters',
        {
          nodeCount: 1,
          nodeOptions: ['--disable-proto', 'none', '--pp', '1194', 'udp', '--pp', '1195', 'tcp6'],
        },
        async ({ lab, nodes }) => {
          const [peer, node] = nodes
          if (!node) throw new Error('the network has no second node')
          await finds(lab, node, [])
          for (const { where, hook, rule, code } of [
            { where: node, hook: OUTPUT, rule: 'udp dport 326', code: 'node-port-filtered' },
            { where: node, hook: OUTPUT, rule: 'icmpv6 type echo-request', code: 'icmpv6-filtered' },
            { where: node, hook: OUTPUT, rule: 'udp dport 6696', code: 'babel-filtered' },
            { where: peer, hook: INPUT, rule: 'udp dport 326', code: 'node-port-filtered' },
            { where: peer, hook: INPUT, rule: 'icmpv6 type echo-request', code: 'icmpv6-filtered' },
            { where: peer, hook: INPUT, rule: 'udp dport 6696', code: 'babel-filtered' },
          ] as const) {
            await using _ = await withRules(where.machine, `chain a { ${hook}; ${rule} drop; }`)
            // Without routing there is no way, once that is noticed.
            await finds(lab, node, [code], code === 'babel-filtered' ? { perhaps: ['cut-off'] } : {})
          }
          await finds(lab, node, [])
          for (const [rule, port] of [
            ['udp dport 1194', /UDP.* port 1194/],
            ['tcp dport 1195', /TCP.* port 1195/],
          ] as const) {
            await using _ = await withRules(node.machine, `chain a { ${INPUT}; ${rule} ct state new drop; }`)
            const { findings } = await finds(lab, node, ['port-unreachable'])
            expect(findings.map(({ what }) => what).join()).toMatch(port)
          }
          await finds(lab, node, [])
        },
      ),
  )
})
