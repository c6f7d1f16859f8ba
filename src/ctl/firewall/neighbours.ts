import type { Finding, FindingCode } from '../../core/doctor/finding.ts'
import { judgeConnection } from '../../core/doctor/neighbours.ts'
import { judgeReachability } from '../../core/doctor/reachability.ts'
import { messageOf } from '../../core/errors.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { type FoundNode, nodeFacts } from '../doctor/node.ts'

/** What others told of packets between them and us. */
export interface AskedNeighbours {
  /** What does not pass, by the way there or at their end as well as here. */
  readonly findings: readonly Finding[]
  /** Whom or what nobody could be asked, and why. */
  readonly notAsked: readonly string[]
}

/** What packets have to do with. */
const CODES: ReadonlySet<FindingCode> = new Set([
  'babel-filtered',
  'icmpv6-filtered',
  'node-port-filtered',
  'mtu-trouble',
  'port-unreachable',
])

/** Lets neighbours dial our ports, answer our messages and pings, large ones too. */
export async function askNeighbours(options: NodeOptions, found: FoundNode): Promise<AskedNeighbours> {
  if (found.kind !== 'running')
    return {
      findings: [],
      notAsked: [
        found.kind === 'silent'
          ? `neighbours: the node does not answer: ${found.reason}`
          : 'neighbours, whether they can connect and what passes through tunnels: the node does not run',
      ],
    }
  const notAsked: string[] = []
  try {
    const facts = await nodeFacts(options, found.replies, notAsked)
    if (facts.kind !== 'running') return { findings: [], notAsked }
    if (facts.connection.neighbours.length === 0) notAsked.push('neighbours: there is no tunnel now')
    return {
      findings: [...judgeConnection(facts.connection), ...judgeReachability(facts.reachability)].filter(
        ({ code }) => CODES.has(code),
      ),
      notAsked,
    }
  } catch (error) {
    return { findings: [], notAsked: [...notAsked, `neighbours: ${messageOf(error)}`] }
  }
}
