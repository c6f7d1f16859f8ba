import { BABEL_GROUP, BABEL_PORT } from '../babel/wire/numbers.ts'
import { GATEWAY_PORT } from '../port-mapping/pcp.ts'
import { SSDP_GROUP, SSDP_PORT } from '../port-mapping/ssdp.ts'
import { isIpv6Protocol, TUNNEL_PROTOCOLS } from '../values/address-list.ts'
import { parseMailServer } from '../values/mail-server.ts'
import { insideNeeds } from './inside.ts'
import {
  type Family,
  NEIGHBOUR,
  type Need,
  needOf,
  OWN_LINK_LOCAL,
  type Packet,
  STRANGER,
} from './permission.ts'
import {
  bareHost,
  familiesOfHost,
  isLoopback,
  lansOf,
  linksOf,
  portOf,
  type Surroundings,
  tunnelsOf,
  uplinksOf,
  usesPortMapping,
} from './surroundings.ts'
import { DNS_PORT, EPHEMERAL_PORT, ICMP, ICMPV6, LINK_LOCAL, onLink, placeOf, toItself } from './traffic.ts'

/** Ports of other nodes' servers: OpenVPN's own, and one that a gateway chose (32768–49151). */
const SERVER_PORTS = [1194, 40_321]
/** A gateway chooses the port of its UPnP service. */
const UPNP_PORT = 49_152

/** What must go out. */
export const outwardNeeds = (surroundings: Surroundings): readonly Need[] => [
  answers(surroundings),
  loopback(),
  ...tunnels(surroundings),
  ...registry(surroundings),
  ...gateway(surroundings),
  ...babel(surroundings),
  discovery(surroundings),
  ...insideNeeds(surroundings, 'output'),
]

const answers = (surroundings: Surroundings): Need =>
  needOf(
    'output',
    { states: ['established', 'related'] },
    {
      title: 'answers of this machine',
      why: 'servers answer to those who connect, and connections that were let through go on',
    },
    (['ipv4', 'ipv6'] as const).flatMap((family) =>
      uplinksOf(surroundings, family).flatMap((oif): Partial<Packet>[] => {
        const out = { family, oif, daddr: STRANGER }
        return [
          { ...out, state: 'established', sport: SERVER_PORTS[0] ?? 0, dport: EPHEMERAL_PORT },
          family === 'ipv4'
            ? { ...out, state: 'related', protocol: 'icmp', icmpType: ICMP.destinationUnreachable }
            : { ...out, state: 'related', protocol: 'ipv6-icmp', icmpType: ICMPV6.packetTooBig },
        ]
      }),
    ),
  )

const loopback = (): Need =>
  needOf(
    'output',
    { oif: 'lo' },
    {
      title: 'programs of this machine to each other',
      why: 'a registry talks to the node beside it, and the resolver of names may run here',
    },
    toItself({ oif: 'lo' }),
  )

function tunnels(surroundings: Surroundings): readonly Need[] {
  const { client, clientCount, disabledProtocols } = surroundings.options
  if (client !== undefined)
    return client.flatMap(({ host, port, protocol }) => [
      ...toHost(surroundings, host, {
        port,
        protocol: protocol.startsWith('udp') ? 'udp' : 'tcp',
        families: [isIpv6Protocol(protocol) ? 'ipv6' : 'ipv4'],
        title: `the tunnel of this node (${protocol})`,
        why: `--client: ${host}, port ${port}`,
      }),
    ])
  if (clientCount === 0) return []
  return TUNNEL_PROTOCOLS.filter((protocol) => !disabledProtocols.has(protocol)).map((protocol) => {
    const family = isIpv6Protocol(protocol) ? 'ipv6' : 'ipv4'
    return needOf(
      'output',
      { family, protocol: protocol.startsWith('udp') ? 'udp' : 'tcp' },
      {
        title: `tunnels of this node to others (${protocol})`,
        why: 'each of them chooses the port on which it listens; those that are not to be used: --disable-proto',
      },
      uplinksOf(surroundings, family).flatMap((oif) =>
        SERVER_PORTS.map((dport) => ({ oif, daddr: STRANGER, sport: EPHEMERAL_PORT, dport })),
      ),
    )
  })
}

/** A host outside, and the way to learn its address. */
function toHost(
  surroundings: Surroundings,
  host: string,
  what: {
    readonly port: number
    readonly protocol: 'tcp' | 'udp'
    readonly title: string
    readonly why: string
    readonly families?: readonly Family[]
  },
): readonly Need[] {
  if (isLoopback(bareHost(host))) return []
  const { port, protocol, title, why } = what
  const families = familiesOfHost(host)
  const isName = families.length > 1
  const out = { daddr: isName ? STRANGER : bareHost(host), sport: EPHEMERAL_PORT }
  return [
    ...families
      .filter((family) => what.families?.includes(family) ?? true)
      .map((family) =>
        needOf(
          'output',
          { family, ...(isName ? {} : { daddr: bareHost(host) }), protocol, dport: port },
          { title, why },
          uplinksOf(surroundings, family).map((oif) => ({ ...out, oif })),
        ),
      ),
    ...(isName ? names(surroundings) : []),
  ]
}

const names = (surroundings: Surroundings): readonly Need[] =>
  (['ipv4', 'ipv6'] as const).map((family) =>
    needOf(
      'output',
      { family, protocol: 'udp', dport: DNS_PORT },
      {
        title: `names of hosts (DNS over ${family === 'ipv4' ? 'IPv4' : 'IPv6'})`,
        why: 'the options name a host: its address must be learnt',
      },
      uplinksOf(surroundings, family).map((oif) => ({ oif, daddr: STRANGER, sport: EPHEMERAL_PORT })),
    ),
  )

function registry(surroundings: Surroundings): readonly Need[] {
  const url = surroundings.options.registry
  const mail = mailServerOf(surroundings.registry?.mailHost)
  return [
    ...toHost(surroundings, url.hostname, {
      port: portOf(url),
      protocol: 'tcp',
      title: 'the registry',
      why: 'this node asks it for the configuration of the network, for other nodes, and for a new certificate before its own ends',
    }),
    ...(mail === undefined
      ? []
      : toHost(surroundings, mail.host, {
          port: mail.port,
          protocol: 'tcp',
          title: 'mails of the registry on this machine',
          why: 'it sends tokens to those who want to enrol (--mailhost)',
        })),
  ]
}

/** The SMTP server of a registry; undefined for an mbox file. */
function mailServerOf(mailHost: string | undefined) {
  if (mailHost === undefined || mailHost.includes('/')) return undefined
  return parseMailServer(mailHost)
}

function gateway(surroundings: Surroundings): readonly Need[] {
  if (!usesPortMapping(surroundings)) return []
  const purpose = {
    title: 'the gateway is asked to forward ports',
    why: 'by UPnP, NAT-PMP or PCP, so that other nodes can connect to this one behind it',
  }
  const oifs = uplinksOf(surroundings, 'ipv4')
  const sport = EPHEMERAL_PORT
  return [
    needOf('output', { family: 'ipv4', protocol: 'udp', dport: SSDP_PORT }, purpose, [
      ...oifs.flatMap((oif) => [SSDP_GROUP, STRANGER].map((daddr) => ({ oif, daddr, sport }))),
    ]),
    needOf('output', { family: 'ipv4', protocol: 'udp', dport: GATEWAY_PORT }, purpose, [
      ...oifs.map((oif) => ({ oif, daddr: STRANGER, sport })),
    ]),
    needOf(
      'output',
      { family: 'ipv4', protocol: 'tcp' },
      { ...purpose, why: `${purpose.why}; it chooses the TCP port for that` },
      [...oifs.map((oif) => ({ oif, daddr: STRANGER, sport, dport: UPNP_PORT }))],
    ),
  ]
}

const babel = (surroundings: Surroundings): readonly Need[] =>
  linksOf(surroundings).map(({ name: oif, ifaces }) =>
    needOf(
      'output',
      { oif, family: 'ipv6', saddr: LINK_LOCAL, protocol: 'udp', dport: BABEL_PORT },
      {
        topic: 'babel',
        title: `routing: Babel to ${placeOf(oif)}`,
        why: 'the neighbours there learn from this node which ways it has',
      },
      ifaces.flatMap((one) =>
        [BABEL_GROUP, NEIGHBOUR].map((daddr) => ({
          oif: one,
          saddr: OWN_LINK_LOCAL,
          daddr,
          sport: BABEL_PORT,
        })),
      ),
    ),
  )

function discovery(surroundings: Surroundings): Need {
  const neighbours = [ICMPV6.neighbourSolicitation, ICMPV6.neighbourAdvertisement]
  const everything = [ICMPV6.routerSolicitation, ...neighbours, ICMPV6.multicastReport]
  const way = { saddr: OWN_LINK_LOCAL, daddr: NEIGHBOUR }
  return needOf(
    'output',
    { family: 'ipv6', protocol: 'ipv6-icmp', icmpTypes: everything },
    {
      title: 'this machine finds IPv6 neighbours and routers',
      why: 'before that, nothing passes over a tunnel or a LAN, nor by IPv6 over the Internet; and it says which multicast it listens to (RFC 4861, RFC 3810)',
    },
    [
      ...[...tunnelsOf(surroundings), ...lansOf(surroundings)].flatMap((oif) =>
        onLink(neighbours, { ...way, oif }),
      ),
      ...uplinksOf(surroundings, 'ipv6').flatMap((oif) => onLink(everything, { ...way, oif })),
      ...surroundings.options.interfaces.flatMap((oif) => onLink([ICMPV6.multicastReport], { ...way, oif })),
    ],
  )
}
