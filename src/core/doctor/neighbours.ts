import type { FailingReply, TunnelReply } from '../control/replies.ts'
import type { Finding } from './finding.ts'

/** A tunnel of a running node, and what passes through it. Undefined: it was not tried. */
export interface NeighbourFacts {
  /** Subnet name of the other node. */
  readonly peer: string
  readonly iface: string
  readonly protocol: string
  /** When it came up, and how long ago that is. */
  readonly since: string
  readonly ageMs: number
  /** Whether the routing protocol uses it. */
  readonly isRouted: boolean
  /** Whether the other node answers a small ping. */
  readonly pings: boolean | undefined
  /** Size of a full packet, and whether a ping of that size is answered. */
  readonly mtu: number | undefined
  readonly pingsFull: boolean | undefined
  /** Whether it answers a message on the UDP port of nodes. */
  readonly answers: boolean | undefined
}

/**
 * Those tunnels that are there at a later moment, too: the same ones, not others to the same nodes. Routing may have lost a
 * neighbour for a moment: it counts whether it has it at one of both.
 */
export const lasting = (
  neighbours: readonly NeighbourFacts[],
  later: readonly TunnelReply[],
): readonly NeighbourFacts[] =>
  neighbours.flatMap((one) => {
    const still = later.find(
      ({ state, peer, iface, since }) =>
        state === 'up' && (peer ?? '?') === one.peer && iface === one.iface && since === one.since,
    )
    return still === undefined ? [] : [{ ...one, isRouted: one.isRouted || still.cost !== null }]
  })

/** How a running node is connected. */
export interface ConnectionFacts {
  readonly uptimeMs: number
  readonly helloMs: number
  /** Whether there is a way to the registry's node. */
  readonly isConnected: boolean
  /** Whether this is the node of the registry, which may be the only one. */
  readonly isRegistryNode: boolean
  readonly isEncrypted: boolean
  /** Since when other nodes are to take ways that do not lead over this one; null: they may. */
  readonly draining: string | null
  readonly reachableNodes: number
  /** Why tunnels failed, the last first: peer and reason. */
  readonly failures: readonly string[]
  readonly neighbours: readonly NeighbourFacts[]
  /** What of the network is not in effect here. */
  readonly failing: readonly FailingReply[]
  /** Certificates that two machines use, and where those were seen. */
  readonly inUseTwice: readonly {
    readonly peer: string
    readonly underlays: readonly string[]
    readonly isOwn: boolean
  }[]
}

/**
 * A new tunnel is in use within a second or two; after so many hellos as a rule also where the peer is a Python node. After
 * four, the node ends it.
 */
const PATIENCE_HELLOS = 3.5
const LEAST_PATIENCE_MS = 5_000
/** Neighbours find each other, and have a session, within some seconds of the tunnel's begin. */
const SETTLED_MS = 15_000
/** What those who refuse a tunnel say of a certificate. */
const REVOKED = /certificate is revoked/
const SHARED = /two nodes must not share|in use twice/
/** Why a tunnel was given up over which routing had no neighbour. */
const DEAF = /^(\S+): routing hears nobody/
/** Failures that are told. */
const MOST_FAILURES = 3

/** How long after its start a node may be without a connection. */
export const patienceOf = ({ helloMs }: Pick<ConnectionFacts, 'helloMs'>): number =>
  Math.max(LEAST_PATIENCE_MS, PATIENCE_HELLOS * helloMs)

/** Judges how a running node is connected, and what passes through its tunnels. */
export function judgeConnection(facts: ConnectionFacts): Finding[] {
  // What else is seen is not to be told from what the other machine causes: neither is a firewall to blame.
  if (isOwnCertificateShared(facts)) return cutOff(facts, Number.POSITIVE_INFINITY)
  const shared = new Set(facts.inUseTwice.map(({ peer }) => peer))
  const neighbours = facts.neighbours.filter(({ peer }) => !shared.has(peer))
  const patienceMs = patienceOf(facts)
  const unrouted = neighbours.filter(({ isRouted, ageMs }) => !isRouted && ageMs > patienceMs)
  const deaf = facts.isConnected ? [] : facts.failures.flatMap((text) => DEAF.exec(text)?.[1] ?? [])
  // What was made just now is not answered yet: no filter is to blame for that.
  const settled = neighbours.filter(({ ageMs }) => ageMs > SETTLED_MS)
  const silent = settled.filter(({ pings }) => pings === false)
  // Without neighbour discovery nothing passes: only where pings pass, something else means anything.
  const pinged = settled.filter(({ pings }) => pings === true)
  const mute = pinged.filter(({ answers }) => answers === false)
  const narrow = pinged.filter(({ pingsFull }) => pingsFull === false)
  return [
    ...facts.inUseTwice.map(sharedByOthers),
    ...(deaf.length > 0 ? [] : cutOff(facts, patienceMs)),
    ...(unrouted.length > 0 || deaf.length === 0 ? [] : [babelFiltered(deaf.join(', '))]),
    ...about(unrouted, neighbours, babelFiltered),
    ...about(silent, neighbours, (whom) => ({
      code: 'icmpv6-filtered',
      what: `${whom}: packets are routed there, but pings are not answered`,
      remedy:
        'let ICMPv6 in and out on re6stnet* on both machines: without it there is no neighbour discovery, and no sender learns what fits through a path (meta l4proto ipv6-icmp accept); re6st firewall --check names what drops it',
    })),
    ...about(mute, neighbours, (whom) => ({
      code: 'node-port-filtered',
      what: `${whom}: pings are answered, messages between nodes are not, so this node learns neither addresses nor changes of the network`,
      remedy:
        'let UDP port 326 in and out on re6stnet*, and where packets for the network are forwarded, on both machines (udp dport 326 accept; udp sport 326 accept); re6st firewall --check names what drops it',
    })),
    ...about(narrow, neighbours, (whom) => ({
      code: 'mtu-trouble',
      what: `${whom}: small packets pass, full ones (${sizes(narrow)} bytes) are lost: connections are made and then hang`,
      remedy:
        'the path between the two machines loses large packets without saying so: let ICMP "fragmentation needed" and ICMPv6 "packet too big" pass on both sides, or make the packets of the tunnel smaller (-O--mssfix -O1200 for UDP; for TCP a smaller MTU on the interface to the Internet, or sysctl -w net.ipv4.tcp_mtu_probing=1)',
    })),
  ]
}

const babelFiltered = (whom: string): Finding => ({
  code: 'babel-filtered',
  what: `${whom}: the tunnel is up, but the routing protocol Babel hears nothing, so no packet uses it`,
  remedy:
    'let UDP port 6696 in and out on re6stnet* (and the LAN interfaces), from and to fe80::/10, on both machines: re6st firewall --check names what drops it. If it is open, look into the log of the node (babeld.log with --router babeld)',
})

/** Whether another machine uses the certificate of this node. */
export const isOwnCertificateShared = ({
  inUseTwice,
  failures,
}: Pick<ConnectionFacts, 'inUseTwice' | 'failures'>): boolean =>
  inUseTwice.some(({ isOwn }) => isOwn) || failures.some((reason) => SHARED.test(reason))

const seenAt = ({ underlays }: ConnectionFacts['inUseTwice'][number]): string =>
  underlays.length === 0 ? 'other nodes say so' : `seen at ${underlays.join(' and ')}`

const sharedByOthers = (one: ConnectionFacts['inUseTwice'][number]): Finding => ({
  code: 'certificate-in-use-twice',
  what: `two machines use the certificate of ${one.peer} (${seenAt(one)}), and take tunnels from each other`,
  remedy: `tell whoever runs ${one.peer}: one of both machines needs a certificate of its own, from re6st-conf in an empty directory`,
})

function cutOff(facts: ConnectionFacts, patienceMs: number): Finding[] {
  const { uptimeMs, isConnected, isRegistryNode, reachableNodes, neighbours, failures } = facts
  // Whoever says to be connected and reaches nobody is not, but for the first node of a network.
  const reachesNobody = reachableNodes === 0 && (!isRegistryNode || neighbours.length > 0)
  const shared =
    facts.inUseTwice.filter(({ isOwn }) => isOwn).map(seenAt)[0] ??
    failures.find((reason) => SHARED.test(reason))
  const certificate: Finding[] =
    shared === undefined
      ? []
      : [
          {
            code: 'certificate-in-use-twice',
            what: `another machine uses the certificate of this node (${shared})`,
            remedy:
              'a machine was copied with its certificate: get a new one for one of both with re6st-conf, with a new key, in an empty directory',
          },
        ]
  if ((isConnected && !reachesNobody) || uptimeMs < patienceMs) return certificate
  // A certificate that nobody accepts says it all: no firewall is to blame.
  const revoked = failures.find((reason) => REVOKED.test(reason))
  if (revoked !== undefined)
    return [
      ...certificate,
      {
        code: 'certificate-revoked',
        what: `other nodes refuse the certificate of this one (${revoked})`,
        remedy: 'ask the operator of the network why; then get a new certificate with re6st-conf',
      },
    ]
  if (certificate.length > 0) return certificate
  const reasons =
    failures.length === 0 ? '' : `; tunnels failed: ${failures.slice(0, MOST_FAILURES).join(', ')}`
  return [
    {
      code: 'cut-off',
      what:
        reachableNodes === 0
          ? `this node reaches no other node${reasons}`
          : `this node reaches ${reachableNodes} others, but not the node of the registry: a part of the network is cut off${reasons}`,
      remedy:
        'first mend what else is found here; a firewall must let the node connect to the ports of others (TCP 1194 as a rule; re6st firewall --check names what it drops); re6st tunnels says why each tunnel failed',
    },
  ]
}

const sizes = (neighbours: readonly NeighbourFacts[]): string =>
  [...new Set(neighbours.flatMap(({ mtu }) => (mtu === undefined ? [] : [mtu])))].join(' and ')

/** One finding for all tunnels that have it, with a hint on which side to look. */
function about(
  concerned: readonly NeighbourFacts[],
  all: readonly NeighbourFacts[],
  finding: (whom: string) => Finding,
): Finding[] {
  if (concerned.length === 0) return []
  const names = concerned.map(({ peer, iface }) => `${peer} (${iface})`).join(', ')
  const isEverywhere = concerned.length === all.length && all.length > 1
  return [finding(isEverywhere ? `all neighbours (${names}), so the cause is probably here` : names)]
}
