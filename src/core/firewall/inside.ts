import { NODE_PORT } from '../session/message-codes.ts'
import {
  NEIGHBOUR,
  type Need,
  needOf,
  OWN_LINK_LOCAL,
  type Packet,
  PEER,
  type Purpose,
  type RuleMatch,
  SELF,
} from './permission.ts'
import { insideOf, lansOf, linksOf, type Surroundings, tunnelsOf } from './surroundings.ts'
import { ICMP, ICMPV6, LINK_LOCAL, placeOf } from './traffic.ts'

type Direction = 'input' | 'output'

/** What the same packets are for, by where they go. */
const WORDS: Readonly<
  Record<
    Direction,
    {
      readonly neighbourPings: (place: string) => Purpose
      readonly messages: Purpose
      readonly pings: Purpose
    }
  >
> = {
  input: {
    neighbourPings: (place) => ({
      title: `neighbours ping this node over ${place}`,
      why: 're6st doctor, there, asks so whether what it sends arrives here',
    }),
    messages: {
      title: 'nodes talk to this one',
      why: 'they tell their addresses, and that the configuration of the network is a new one',
    },
    pings: {
      title: 'ping and errors inside the network',
      why: 'others see whether this node is reachable; and what is too big for a tunnel is not lost without a word',
    },
  },
  output: {
    neighbourPings: (place) => ({
      title: `this node pings its neighbours over ${place}`,
      why: 're6st doctor asks so whether what it sends arrives there',
    }),
    messages: {
      title: 'this node talks to others',
      why: 'it asks for their addresses, and tells them when the configuration of the network is a new one',
    },
    pings: {
      title: 'ping and errors to nodes of the network',
      why: 'you see whether they are reachable, and they hear what is too big for a tunnel',
    },
  },
}

/** What must come in from other nodes of the network, or go out to them, inside it. */
export const insideNeeds = (surroundings: Surroundings, direction: Direction): readonly Need[] => [
  ...neighbourPings(surroundings, direction),
  ...withNodes(surroundings, direction),
]

const neighbourPings = (surroundings: Surroundings, direction: Direction): readonly Need[] =>
  linksOf(surroundings).map(({ name, ifaces }) =>
    needOf(
      direction,
      {
        ...over(direction, name),
        family: 'ipv6',
        ...withOther(direction, LINK_LOCAL),
        protocol: 'ipv6-icmp',
        icmpTypes: [ICMPV6.echoRequest],
      },
      { topic: 'neighbour-pings', ...WORDS[direction].neighbourPings(placeOf(name)) },
      ifaces.map((iface) => ({
        ...over(direction, iface),
        ...between(direction, OWN_LINK_LOCAL, NEIGHBOUR),
        icmpType: ICMPV6.echoRequest,
      })),
    ),
  )

function withNodes(surroundings: Surroundings, direction: Direction): readonly Need[] {
  const inside = insideOf(surroundings)
  if (inside === undefined) return []
  const { ipv4Range } = surroundings
  const { messages, pings } = WORDS[direction]
  const way = between(direction, SELF, PEER)
  const need = (match: RuleMatch, purpose: Purpose, packet: Partial<Packet>) =>
    needOf(
      direction,
      match,
      purpose,
      [...tunnelsOf(surroundings), ...lansOf(surroundings)].map((iface) => ({
        ...way,
        ...over(direction, iface),
        ...packet,
      })),
    )
  return [
    need(
      { family: 'ipv6', ...withOther(direction, inside), protocol: 'udp', dport: NODE_PORT },
      { topic: 'node-port', ...messages },
      { sport: NODE_PORT },
    ),
    need(
      { family: 'ipv6', ...withOther(direction, inside), protocol: 'ipv6-icmp' },
      { topic: 'network-pings', ...pings },
      { icmpType: ICMPV6.echoRequest },
    ),
    ...(ipv4Range === undefined
      ? []
      : [
          need(
            { family: 'ipv4', ...withOther(direction, ipv4Range), protocol: 'icmp' },
            {
              topic: 'network-pings',
              title: `${pings.title} (IPv4)`,
              why: 'this network carries IPv4, too',
            },
            { icmpType: ICMP.echoRequest },
          ),
        ]),
  ]
}

const over = (direction: Direction, iface: string): { iif: string } | { oif: string } =>
  direction === 'input' ? { iif: iface } : { oif: iface }

const withOther = (direction: Direction, other: string): { saddr: string } | { daddr: string } =>
  direction === 'input' ? { saddr: other } : { daddr: other }

const between = (
  direction: Direction,
  own: string | undefined,
  other: string | undefined,
): Partial<Packet> => (direction === 'input' ? { saddr: other, daddr: own } : { saddr: own, daddr: other })
