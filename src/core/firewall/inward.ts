import { BABEL_GROUP, BABEL_PORT } from '../babel/wire/numbers.ts'
import { ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT, GATEWAY_PORT } from '../port-mapping/pcp.ts'
import { isIpv6Protocol } from '../values/address-list.ts'
import { insideNeeds } from './inside.ts'
import { familyOf, NEIGHBOUR, type Need, needOf, OWN_LINK_LOCAL, STRANGER } from './permission.ts'
import {
  isLoopback,
  lansOf,
  linksOf,
  type Surroundings,
  tunnelsOf,
  uplinksOf,
  usesPortMapping,
} from './surroundings.ts'
import { EPHEMERAL_PORT, ICMP, ICMPV6, LINK_LOCAL, onLink, placeOf, toItself } from './traffic.ts'

/** What must come in. */
export const inwardNeeds = (surroundings: Surroundings): readonly Need[] => [
  answers(surroundings),
  fromItself(),
  ...servers(surroundings),
  ...registry(surroundings),
  ...babel(surroundings),
  discovery(surroundings),
  ...insideNeeds(surroundings, 'input'),
  ...gateway(surroundings),
]

function answers(surroundings: Surroundings): Need {
  const [over4, over6] = [uplinksOf(surroundings, 'ipv4'), uplinksOf(surroundings, 'ipv6')]
  const fromServer = { saddr: STRANGER, sport: 80, dport: EPHEMERAL_PORT, state: 'established' } as const
  return needOf(
    'input',
    { states: ['established', 'related'] },
    {
      title: 'answers to what this machine began',
      why: 'the registry and the servers of other nodes answer, and routers say which packets are too big',
    },
    [
      ...over4.flatMap((iif) => [
        { ...fromServer, family: 'ipv4' as const, iif },
        {
          ...({ family: 'ipv4', iif, protocol: 'icmp', state: 'related', saddr: STRANGER } as const),
          icmpType: ICMP.destinationUnreachable,
        },
      ]),
      ...over6.flatMap((iif) => [
        { ...fromServer, iif },
        {
          ...({ iif, protocol: 'ipv6-icmp', state: 'related', saddr: STRANGER } as const),
          icmpType: ICMPV6.packetTooBig,
        },
      ]),
    ],
  )
}

const fromItself = (): Need =>
  needOf(
    'input',
    { iif: 'lo' },
    {
      title: 'programs of this machine to each other',
      why: 'a registry talks to the node beside it, and the resolver of names may run here',
    },
    toItself({ iif: 'lo' }),
  )

const servers = (surroundings: Surroundings): readonly Need[] =>
  surroundings.options.listeners.map(({ port, protocol }) => {
    const family = isIpv6Protocol(protocol) ? 'ipv6' : 'ipv4'
    return needOf(
      'input',
      { family, protocol: protocol.startsWith('udp') ? 'udp' : 'tcp', dport: port },
      {
        topic: 'servers',
        title: `tunnels that other nodes make to this one (${protocol})`,
        why: `the server for "--pp ${port} ${protocol}" listens there; without it, others cannot connect to this node`,
      },
      uplinksOf(surroundings, family).map((iif) => ({ iif, saddr: STRANGER, sport: EPHEMERAL_PORT })),
    )
  })

function registry(surroundings: Surroundings): readonly Need[] {
  const { listenAddresses, port } = surroundings.registry ?? { listenAddresses: [], port: 0 }
  return listenAddresses
    .filter((address) => !isLoopback(address))
    .map((address) => {
      const family = familyOf(address)
      return needOf(
        'input',
        { family, protocol: 'tcp', dport: port },
        {
          title: `the registry on this machine (${family === 'ipv4' ? 'IPv4' : 'IPv6'})`,
          why: 'machines enrol there, and nodes ask for the configuration of the network',
        },
        uplinksOf(surroundings, family).map((iif) => ({ iif, saddr: STRANGER, sport: EPHEMERAL_PORT })),
      )
    })
}

const babel = (surroundings: Surroundings): readonly Need[] =>
  linksOf(surroundings).map(({ name: iif, ifaces }) =>
    needOf(
      'input',
      { iif, family: 'ipv6', saddr: LINK_LOCAL, protocol: 'udp', dport: BABEL_PORT },
      {
        topic: 'babel',
        title: `routing: Babel from ${placeOf(iif)}`,
        why: 'the neighbours there tell which ways they have; without it, no route is learnt from them',
      },
      ifaces.flatMap((one) =>
        [BABEL_GROUP, OWN_LINK_LOCAL].map((daddr) => ({
          iif: one,
          saddr: NEIGHBOUR,
          daddr,
          sport: BABEL_PORT,
        })),
      ),
    ),
  )

function discovery(surroundings: Surroundings): Need {
  const neighbours = [ICMPV6.neighbourSolicitation, ICMPV6.neighbourAdvertisement]
  const everything = [ICMPV6.multicastQuery, ICMPV6.routerAdvertisement, ...neighbours]
  const way = { saddr: NEIGHBOUR, daddr: OWN_LINK_LOCAL }
  return needOf(
    'input',
    { family: 'ipv6', protocol: 'ipv6-icmp', icmpTypes: everything },
    {
      title: 'IPv6 neighbours and routers find this machine',
      why: 'before that, nothing passes over a tunnel or a LAN, nor by IPv6 over the Internet; switches ask who listens to multicast (RFC 4861, RFC 2710)',
    },
    [
      ...[...tunnelsOf(surroundings), ...lansOf(surroundings)].flatMap((iif) =>
        onLink(neighbours, { ...way, iif }),
      ),
      ...uplinksOf(surroundings, 'ipv6').flatMap((iif) => onLink(everything, { ...way, iif })),
      ...surroundings.options.interfaces.flatMap((iif) => onLink([ICMPV6.multicastQuery], { ...way, iif })),
    ],
  )
}

function gateway(surroundings: Surroundings): readonly Need[] {
  if (!usesPortMapping(surroundings)) return []
  return [
    needOf(
      'input',
      { family: 'ipv4', daddr: ANNOUNCEMENT_GROUP, protocol: 'udp', dport: ANNOUNCEMENT_PORT },
      {
        title: 'the gateway says that it started anew',
        why: 'it has then forgotten which ports it forwards to this node (NAT-PMP, PCP), which asks again at once. Answers of the gateway need no rule of their own: also to what is searched by multicast, since it is asked at its own address, too',
      },
      uplinksOf(surroundings, 'ipv4').map((iif) => ({ iif, daddr: ANNOUNCEMENT_GROUP, sport: GATEWAY_PORT })),
    ),
  ]
}
