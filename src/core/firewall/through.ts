import { type Need, needOf, PEER, STRANGER } from './permission.ts'
import { ANY_TUNNEL, insideOf, lansOf, type Surroundings, tunnelsOf, uplinksOf } from './surroundings.ts'
import { EPHEMERAL_PORT, placeOf } from './traffic.ts'

/** All multicast addresses. */
const MULTICAST = 'ff00::/8'

/** What must pass through: each node carries packets of others. */
export const forwardingNeeds = (surroundings: Surroundings): readonly Need[] => [
  ...betweenTunnels(surroundings),
  ...lansOf(surroundings).flatMap((lan) => [...atLan(surroundings, lan), ...streamsToLan(surroundings, lan)]),
  ...toInternet(surroundings),
]

function betweenTunnels(surroundings: Surroundings): readonly Need[] {
  const inside = insideOf(surroundings)
  if (inside === undefined) return []
  const { ipv4Range } = surroundings
  const tunnels = tunnelsOf(surroundings)
  // A server's tunnel carries packets from one of its clients to another.
  const ways = tunnels.flatMap((iif) => tunnels.map((oif) => ({ iif, oif })))
  const match = { iif: ANY_TUNNEL, oif: ANY_TUNNEL }
  return [
    needOf(
      'forward',
      { ...match, family: 'ipv6' },
      {
        title: 'packets of other nodes, from tunnel to tunnel',
        why: 'each node carries packets between others; also those to and from the Internet, where a node offers a way to it',
      },
      ways.map((way) => ({ ...way, saddr: PEER, daddr: PEER })),
    ),
    ...(ipv4Range === undefined
      ? []
      : [
          needOf(
            'forward',
            { ...match, family: 'ipv4' },
            {
              title: 'packets of other nodes, from tunnel to tunnel (IPv4)',
              why: 'this network carries IPv4, too',
            },
            ways.map((way) => ({
              ...way,
              saddr: PEER,
              daddr: PEER,
            })),
          ),
        ]),
  ]
}

/** Machines of the network at a LAN: other nodes there, or those that got addresses of this node's subnet. */
function atLan(surroundings: Surroundings, lan: string): readonly Need[] {
  const inside = insideOf(surroundings)
  if (inside === undefined) return []
  const { options, ipv4Range } = surroundings
  const tunnels = tunnelsOf(surroundings)
  const network = inside
  const uplinks = options.gateway ? uplinksOf(surroundings, 'ipv6') : []
  const from = {
    title: `packets from machines at ${lan}`,
    why: `they go on through this node: ${placeOf(lan)} is part of the network`,
  }
  const to = { title: `packets to machines at ${lan}`, why: from.why.replace('they go on', 'they come') }
  return [
    needOf('forward', { iif: lan, family: 'ipv6', saddr: network }, from, [
      ...tunnels.map((oif) => ({ iif: lan, oif, saddr: PEER, daddr: PEER })),
      ...uplinks.map((oif) => ({ iif: lan, oif, saddr: PEER, daddr: STRANGER })),
    ]),
    needOf('forward', { oif: lan, family: 'ipv6', daddr: network }, to, [
      ...tunnels.map((iif) => ({ iif, oif: lan, saddr: PEER, daddr: PEER })),
      ...uplinks.map((iif) => ({ iif, oif: lan, saddr: STRANGER, daddr: PEER })),
    ]),
    ...(ipv4Range === undefined
      ? []
      : [
          needOf(
            'forward',
            { iif: lan, family: 'ipv4', saddr: ipv4Range },
            { ...from, title: `${from.title} (IPv4)` },
            tunnels.map((oif) => ({ iif: lan, oif, saddr: PEER, daddr: PEER })),
          ),
          needOf(
            'forward',
            { oif: lan, family: 'ipv4', daddr: ipv4Range },
            { ...to, title: `${to.title} (IPv4)` },
            tunnels.map((iif) => ({ iif, oif: lan, saddr: PEER, daddr: PEER })),
          ),
        ]),
  ]
}

/** `--multicast`: streams for machines at a LAN. As a gateway, this node lets them pass anyway. */
function streamsToLan(surroundings: Surroundings, lan: string): readonly Need[] {
  const inside = insideOf(surroundings)
  const { multicast, gateway } = surroundings.options
  if (inside === undefined || !multicast || gateway) return []
  return [
    needOf(
      'forward',
      { oif: lan, family: 'ipv6', saddr: inside, daddr: MULTICAST },
      {
        title: `multicast to machines at ${lan}`,
        why: '--multicast: streams of other nodes are received there',
      },
      tunnelsOf(surroundings).map((iif) => ({
        ...({ iif, oif: lan, protocol: 'udp' } as const),
        ...{ saddr: PEER, daddr: 'ff3e::1234', dport: EPHEMERAL_PORT },
      })),
    ),
  ]
}

/** `--gateway`: the network uses this machine's way to the Internet. */
function toInternet(surroundings: Surroundings): readonly Need[] {
  const inside = insideOf(surroundings)
  if (inside === undefined || !surroundings.options.gateway) return []
  const tunnels = tunnelsOf(surroundings)
  const uplinks = uplinksOf(surroundings, 'ipv6')
  const network = inside
  return [
    needOf(
      'forward',
      { iif: ANY_TUNNEL, notOif: ANY_TUNNEL, family: 'ipv6', saddr: network },
      { title: 'from the network to the Internet', why: '--gateway: this node offers its way there' },
      tunnels.flatMap((iif) => uplinks.map((oif) => ({ iif, oif, saddr: PEER, daddr: STRANGER }))),
    ),
    needOf(
      'forward',
      { notIif: ANY_TUNNEL, oif: ANY_TUNNEL, family: 'ipv6', daddr: network },
      {
        title: 'from the Internet to the network',
        why: '--gateway: answers, and whoever wants to reach a node; restrict it here ("ct state established,related") if nobody shall',
      },
      uplinks.flatMap((iif) => tunnels.map((oif) => ({ iif, oif, saddr: STRANGER, daddr: PEER }))),
    ),
  ]
}
