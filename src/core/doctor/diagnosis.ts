import type { Verdict } from '../firewall/judgement.ts'
import { type ClockFacts, judgeClock, rightTimeMs } from './clock.ts'
import { withoutConsequences } from './consequences.ts'
import { type DirectoryFacts, judgeDirectories } from './directories.ts'
import { judgeFailing } from './failing.ts'
import { judgeFilters } from './filters.ts'
import { type Diagnosis, type Finding, inOrder } from './finding.ts'
import { type IdentityFacts, judgeIdentity, type ReadFacts } from './identity.ts'
import { judgeMachine, type MachineFacts } from './machine.ts'
import { judgeMulticast, type MulticastFacts } from './multicast.ts'
import { type ConnectionFacts, isOwnCertificateShared, judgeConnection } from './neighbours.ts'
import { type ConnectionProfile, judgeNetworkManager, type UsedInterface } from './network-manager.ts'
import { judgePorts, type TakenPort } from './ports.ts'
import { judgeReachability, type ReachabilityFacts } from './reachability.ts'
import { judgeRegistry, type RegistryFacts } from './registry.ts'
import { warningsOf } from './warnings.ts'

/** How the node is. */
export type NodeFacts =
  | {
      readonly kind: 'running'
      readonly connection: ConnectionFacts
      readonly reachability: ReachabilityFacts
      /** Undefined: it runs without `--multicast`. */
      readonly multicast: MulticastFacts | undefined
    }
  | { readonly kind: 'not-running'; readonly takenPorts: readonly TakenPort[] }
  /** Something answers on its control socket, or does not, but not as a node does. */
  | { readonly kind: 'silent'; readonly reason: string }

/** All that was found out. */
export interface Facts {
  readonly identity: IdentityFacts
  readonly read: ReadFacts
  readonly clock: ClockFacts
  readonly registry: RegistryFacts
  readonly machine: MachineFacts
  readonly directories: readonly DirectoryFacts[]
  readonly profiles: readonly ConnectionProfile[]
  /** `--interface` and `--main-interface`. */
  readonly interfaces: readonly UsedInterface[]
  readonly node: NodeFacts
  /** What the kernel does with packets that the node needs; undefined: it could not be tried. */
  readonly filters: Verdict | undefined
  readonly notExamined: readonly string[]
}

/** Judges all of it. */
export function diagnose(facts: Facts): Diagnosis {
  const { identity, read, clock, registry, machine, directories, profiles, interfaces, node } = facts
  const { authority, certificate } = read
  return {
    findings: withoutConsequences(
      inOrder(
        withRules(
          [
            ...judgeMachine(machine),
            ...judgeDirectories(directories),
            ...judgeClock(clock),
            ...judgeIdentity(identity, read, rightTimeMs(clock)),
            ...judgeRegistry(
              registry,
              authority.ok ? authority.value : undefined,
              certificate.ok ? certificate.value : undefined,
            ),
            ...judgeNetworkManager(profiles, interfaces),
            ...judgeNode(node, machine),
          ],
          facts.filters === undefined ? [] : judgeFilters(facts.filters),
        ),
      ),
    ),
    warnings: node.kind === 'running' ? warningsOf(node.connection) : [],
    notExamined: facts.notExamined,
  }
}

/** Where neighbours and rules tell of the same, it is one finding. */
function withRules(findings: readonly Finding[], filters: readonly Finding[]): Finding[] {
  const told = new Set<Finding>()
  const merged = findings.map((finding, at) => {
    const isFirst = findings.findIndex(({ code }) => code === finding.code) === at
    const filter = isFirst ? filters.find(({ code }) => code === finding.code) : undefined
    if (filter === undefined) return finding
    told.add(filter)
    return { ...finding, what: `${finding.what}; ${filter.what}` }
  })
  return [...merged, ...filters.filter((filter) => !told.has(filter))]
}

function judgeNode(node: NodeFacts, { missing }: MachineFacts): Finding[] {
  switch (node.kind) {
    case 'running':
      return [
        ...judgeConnection(node.connection),
        ...judgeFailing(node.connection.failing),
        // Whoever dialled may have met the other machine.
        ...(isOwnCertificateShared(node.connection) ? [] : judgeReachability(node.reachability)),
        // A program that is missing is a finding already.
        ...(node.multicast && !missing.some(({ option }) => option === '--multicast')
          ? judgeMulticast(node.multicast)
          : []),
      ]
    case 'not-running':
      return [
        ...judgePorts(node.takenPorts),
        {
          code: 'node-not-running',
          what: 'the node does not run',
          remedy:
            'start it: systemctl start re6stnet, or re6stnet with its option file; if it ends at once, re6stnet.log in its log directory says why',
        },
      ]
    case 'silent':
      return [
        {
          code: 'node-silent',
          what: `the node does not answer on its control socket: ${node.reason}`,
          remedy: 'start it again (systemctl restart re6stnet), and report it with re6stnet.log',
        },
      ]
  }
}
