import type { Judgement, ReversePath, Verdict } from '../firewall/judgement.ts'
import type { PurposeTopic } from '../firewall/permission.ts'
import type { Finding, FindingCode } from './finding.ts'

/** What of it is a finding of its own, by which people look for it. */
const CODE_OF_TOPIC: Readonly<Record<PurposeTopic, FindingCode>> = {
  servers: 'port-unreachable',
  babel: 'babel-filtered',
  'neighbour-pings': 'icmpv6-filtered',
  'network-pings': 'icmpv6-filtered',
  'node-port': 'node-port-filtered',
}

const REMEDY =
  're6st firewall prints the rules that let it pass, for nftables and iptables; re6st firewall --check tells whether they are there'

/** A finding of a filter that drops what does not come by the way back. */
export const reversePathFinding = ({ iface, by }: ReversePath): Finding => ({
  code: 'path-filter',
  what: `packets of other nodes that come by ${iface} while those to them go another way, as is usual in this network, are dropped by ${by}`,
  remedy: by.includes('firewalld')
    ? 'IPv6_rpfilter=no in /etc/firewalld/firewalld.conf, then firewall-cmd --complete-reload'
    : 'take that rule away for re6stnet* and the interfaces of the network (the option "loose" of a filter is enough, too)',
})

/** What the rules of this machine stop, of what its node needs: a finding for each kind. */
export function judgeFilters({ judgements, reversePaths }: Verdict): Finding[] {
  const missing = judgements.filter(({ state }) => state === 'missing')
  const codes = [...new Set(missing.map(codeOf))]
  return [
    ...codes.map((code): Finding => {
      const those = missing.filter((judgement) => codeOf(judgement) === code)
      const texts = those.map(
        ({ permission: { hook, purposes }, details, topics }) =>
          `${hook}: ${(purposes.find(({ topic }) => topics.includes(topic)) ?? purposes[0])?.title ?? ''} (${details[0] ?? ''})`,
      )
      return { code, what: `the rules of this machine do not let pass: ${texts.join('; ')}`, remedy: REMEDY }
    }),
    ...reversePaths.slice(0, 1).map(reversePathFinding),
  ]
}

function codeOf({ topics }: Judgement): FindingCode {
  const topic = topics.find((one) => one !== undefined)
  return topic === undefined ? 'firewall-closed' : CODE_OF_TOPIC[topic]
}
