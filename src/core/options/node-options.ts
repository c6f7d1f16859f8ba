import { isIPv4, isIPv6 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'
import { TUNNEL_PROTOCOLS, type TunnelProtocol } from '../values/address-list.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional, repeated, required, withDefault } from './option-table.ts'
import {
  addressList,
  countryCode,
  directoryPath,
  filePath,
  httpUrl,
  integer,
  interfaceName,
  ipAddress,
  ipv4Address,
  type Listener,
  listener,
  oneOf,
  subnetName,
  text,
  type ValueType,
} from './value-types.ts'

const NETWORK = 'Network'
const FILES = 'Files and log'
const ROUTING = 'Routing'
const TUNNELS = 'Tunnels'
const HOOKS = 'Hooks'

const ROUTERS = ['re6st', 'babeld'] as const
const DEFAULT_ROUTER = 're6st'

/** Where a node has its sockets, unless it is told otherwise. */
export const DEFAULT_RUN_DIRECTORY = '/var/run/re6stnet'

/** More is no CPU's business. */
const MAX_TUNNELS = 0xffff

/** `--ip`: an address, or a way to learn it. */
const ownAddress: ValueType<string> = {
  ...ipAddress,
  offers: [['any', 'upnp']],
  read: ([word = '']) => {
    if (word === 'any' || word === 'upnp') return ok(word)
    const address = ipAddress.read([word])
    return address.ok ? address : refuse(`${address.reason}, any, or upnp`)
  },
}

/** The options of `re6stnet`. */
export const NODE_OPTIONS = {
  registry: required(httpUrl, {
    names: ['--registry'],
    group: NETWORK,
    help: "URL of the network's registry",
  }),
  ca: required(filePath('FILE'), {
    names: ['--ca'],
    group: NETWORK,
    help: 'certificate of the authority, in PEM',
  }),
  cert: required(filePath('FILE'), {
    names: ['--cert'],
    group: NETWORK,
    help: 'certificate of this node, in PEM',
  }),
  key: required(filePath('FILE'), {
    names: ['--key'],
    group: NETWORK,
    help: 'private key of this node, in PEM',
  }),
  ip: repeated(ownAddress, {
    names: ['--ip'],
    group: NETWORK,
    help: 'address at which others can reach this node; for IPv4 also "any": ask other nodes, or "upnp": forward ports at the gateway. IPv6 addresses are asked for, too, if none is given',
    otherwise: 'default: upnp if a gateway answers, else any',
    unsetInTest: [],
  }),
  country: optional(countryCode, {
    names: ['--country'],
    group: NETWORK,
    help: 'country to advertise',
    otherwise: 'default: asked from the registry',
  }),
  logDirectory: withDefault(directoryPath('DIR'), '/var/log/re6stnet', {
    names: ['-l', '--log'],
    group: FILES,
    help: 'directory of the log files',
  }),
  runDirectory: withDefault(directoryPath('DIR'), DEFAULT_RUN_DIRECTORY, {
    names: ['-r', '--run'],
    group: FILES,
    help: 'directory of sockets',
  }),
  stateDirectory: withDefault(directoryPath('DIR'), '/var/lib/re6stnet', {
    names: ['-s', '--state'],
    group: FILES,
    help: 'directory of what is kept between runs: known peers, network configuration',
  }),
  verbosity: withDefault(integer('LEVEL', 0, 4), 2, {
    names: ['-v', '--verbose'],
    group: FILES,
    help: 'detail of the log: 0 none, 1 warnings, 2 information, 3 debug, 4 trace',
  }),
  console: optional(filePath('SOCK'), {
    names: ['--console'],
    group: FILES,
    help: 'path of the control socket, for re6st',
    otherwise: 'default: control.sock in the run directory',
  }),
  interfaces: repeated(interfaceName, {
    names: ['-i', '--interface'],
    testName: 'iface_list',
    unsetInTest: [],
    group: ROUTING,
    help: 'find other nodes on the local network of this interface, too',
  }),
  mainInterface: withDefault(interfaceName, 'lo', {
    names: ['-I', '--main-interface'],
    group: ROUTING,
    help: "interface that gets the node's address",
  }),
  multicast: flag({
    names: ['-m', '--multicast'],
    group: ROUTING,
    help: 'route IPv6 multicast; needs smcrouted (Debian package smcroute)',
  }),
  router: optional(oneOf('ROUTER', ROUTERS), {
    names: ['--router'],
    group: ROUTING,
    help: 'what finds the ways of packets: re6st, which is this program itself, or babeld',
    otherwise: `default: ${DEFAULT_ROUTER}`,
  }),
  babelArguments: repeated(text('ARG'), {
    names: ['-B'],
    testName: 'babel_args',
    unsetInTest: [],
    group: ROUTING,
    help: 'extra argument for babeld, which is then the router',
  }),
  defaultRoute: flag({
    names: ['-D', '--default'],
    group: ROUTING,
    help: 'route all IPv6 traffic through the network; refused while there is another default route',
  }),
  table: optional(
    {
      ...integer('TABLE', 0, 0),
      // The only choice there ever was.
      plain: (words) => integer('TABLE', 0, 0).read(words),
    },
    { names: ['--table'], group: ROUTING, help: 'obsolete, ignored: only 0 is allowed' },
  ),
  gateway: flag({
    names: ['--gateway'],
    group: ROUTING,
    help: 'offer the way to the Internet to the whole network',
  }),
  openvpnArguments: repeated(text('ARG'), {
    names: ['-O'],
    testName: 'openvpn_args',
    unsetInTest: [],
    group: TUNNELS,
    help: 'extra argument for every OpenVPN process, e.g. -O--fast-io',
  }),
  openvpnLogs: flag({
    names: ['--ovpnlog'],
    group: TUNNELS,
    help: 'one log file for each OpenVPN process',
  }),
  listeners: repeated(listener, {
    names: ['--pp'],
    group: TUNNELS,
    help: 'port and protocol (udp, tcp, udp6 or tcp6) to listen on, in order of preference; one server for each protocol',
    otherwise: 'default: 1194 udp and 1194 tcp, unless disabled',
  }),
  dh: optional(filePath('FILE'), {
    names: ['--dh'],
    group: TUNNELS,
    help: 'Diffie-Hellman parameters for the servers, in PEM',
    otherwise: 'default: from the registry, if needed',
  }),
  clientCount: optional(integer('N', 0, MAX_TUNNELS), {
    names: ['--client-count'],
    group: TUNNELS,
    help: 'number of client tunnels to make',
    otherwise: 'default: what the registry says',
  }),
  maxClients: optional(integer('N', 0, MAX_TUNNELS), {
    names: ['--max-clients'],
    group: TUNNELS,
    help: 'number of clients that the servers accept in all; 0: no server',
    otherwise: 'default: what the registry says',
  }),
  remoteGateways: repeated(ipv4Address, {
    names: ['--remote-gateway'],
    testName: 'gw_list',
    group: TUNNELS,
    help: 'make each tunnel through one of these IPv4 gateways, in turn',
  }),
  disabled: repeated(oneOf('PROTO', ['none', ...TUNNEL_PROTOCOLS]), {
    names: ['--disable-proto'],
    testName: 'disable_proto',
    group: TUNNELS,
    help: 'never make tunnels with this protocol; "none": all are allowed',
    otherwise: 'default: udp and udp6',
  }),
  client: optional(addressList, {
    names: ['--client'],
    group: TUNNELS,
    help: 'no server, and a single client tunnel to one of these',
  }),
  neighbours: repeated(subnetName, {
    names: ['--neighbour'],
    testName: 'neighbour',
    unsetInTest: [],
    group: TUNNELS,
    help: 'peer to be connected to directly, by the common name of its certificate, e.g. 5/16',
  }),
  up: optional(text('CMD'), {
    names: ['--up'],
    group: HOOKS,
    help: 'shell command to run after a successful start; if it fails, the node stops with its status',
  }),
  daemons: repeated(text('CMD'), {
    names: ['--daemon'],
    group: HOOKS,
    help: 'shell command to run in the background while the node runs',
    testName: 'daemon',
  }),
  test: optional(text('EXPR'), {
    names: ['--test'],
    group: HOOKS,
    help: 'do not start, end with the value of an expression over the options, e.g. "main_interface != \'lo\'" (1 if it is true, else 0)',
  }),
} as const

/** The command `re6stnet`. */
export const NODE_COMMAND: Command<typeof NODE_OPTIONS> = {
  name: 're6stnet',
  description: 'A node of a resilient, scalable IPv6 network over the existing Internet.',
  options: NODE_OPTIONS,
  takesOptionFiles: true,
  rest: 'OPENVPN-ARGUMENTS',
  epilogue:
    'Options may also be in a file, one per line without leading dashes, named as @FILE. What follows -- goes to every OpenVPN process. SIGUSR1 opens the log files anew; SIGHUP restarts.',
}

/** How IPv4 addresses of our own are found. */
type Ipv4Source =
  /** Those that were given. */
  | 'given'
  /** Servers tell us how they see us. */
  | 'peers'
  /** The gateway forwards ports to us; where it does not, nobody reaches us over IPv4. */
  | 'gateway'
  /** The gateway if it forwards ports, otherwise the servers. */
  | 'gateway-or-peers'

/** What a node runs with: every value checked, and all of them together. */
export interface NodeOptions
  extends Omit<
    OptionsOf<typeof NODE_OPTIONS>,
    'ip' | 'console' | 'listeners' | 'disabled' | 'table' | 'test' | 'router'
  > {
  /** What finds the ways of packets. */
  readonly router: (typeof ROUTERS)[number]
  /** Addresses to advertise, both families, in the order given. */
  readonly ownAddresses: readonly string[]
  readonly ipv4Source: Ipv4Source
  /** Path of the control socket. */
  readonly controlSocket: string
  /** One server for each, in order of preference; none with `client`. */
  readonly listeners: readonly Listener[]
  /** Never to be used for tunnels. */
  readonly disabledProtocols: ReadonlySet<TunnelProtocol>
  /** For the user, at start: an option that is ignored. */
  readonly warnings: readonly string[]
}

const DEFAULT_LISTENERS: readonly Listener[] = [
  { port: 1194, protocol: 'udp' },
  { port: 1194, protocol: 'tcp' },
]

const DEFAULT_DISABLED: readonly TunnelProtocol[] = ['udp', 'udp6']

/** Where `re6st` finds a node that was started with this run directory. */
export const controlSocketIn = (runDirectory: string): string => `${runDirectory}/control.sock`

/** Checks all options of a node, together. */
export function nodeOptions(words: ParsedWords): Result<NodeOptions> {
  const values = optionValues(NODE_COMMAND, words)
  if (!values.ok) return values
  const { ip, console, listeners, disabled, table, test: _, router, ...rest } = values.value
  const source = ipv4SourceOf(ip)
  if (!source.ok) return source
  const disabledProtocols = disabledProtocolsOf(disabled)
  const servers = serversOf(listeners, disabledProtocols)
  if (!servers.ok) return servers
  if (rest.gateway && rest.defaultRoute)
    return refuse('--gateway: cannot be combined with --default: a gateway has its own way to the Internet')
  const client = rest.client?.filter(({ protocol }) => !disabledProtocols.has(protocol))
  if (client?.length === 0)
    return refuse(
      `--client: all its protocols are disabled; allowed are ${enabledText(disabledProtocols)}, see --disable-proto`,
    )
  return ok({
    ...rest,
    client,
    ownAddresses: ip.filter((address) => address !== 'any' && address !== 'upnp'),
    ipv4Source: source.value,
    controlSocket: console ?? controlSocketIn(rest.runDirectory),
    listeners: client === undefined && rest.maxClients !== 0 ? servers.value : [],
    disabledProtocols,
    router: rest.babelArguments.length > 0 ? 'babeld' : (router ?? DEFAULT_ROUTER),
    openvpnArguments: [...rest.openvpnArguments, ...words.rest],
    warnings: [
      ...(table === undefined ? [] : ['--table is obsolete and ignored: remove it']),
      ...(router !== 'babeld' && rest.babelArguments.length > 0
        ? ['-B: these are arguments of babeld: it is the router, as with --router babeld']
        : []),
    ],
  })
}

function ipv4SourceOf(ip: readonly string[]): Result<Ipv4Source> {
  const ways = ip.filter((address) => address === 'any' || address === 'upnp')
  const [way] = ways
  if (way === undefined) return ok(ip.some((address) => isIPv4(address)) ? 'given' : 'gateway-or-peers')
  if (ways.length > 1 || ip.some((address) => !isIPv6(address) && address !== way))
    return refuse(
      `--ip: ${way} cannot be combined with ${otherThan(ip, way)}: it must be the only one for IPv4`,
    )
  return ok(way === 'any' ? 'peers' : 'gateway')
}

const otherThan = (ip: readonly string[], way: string): string =>
  ip.find((address) => address !== way && !isIPv6(address)) ?? `another ${way}`

function disabledProtocolsOf(given: readonly (TunnelProtocol | 'none')[]): ReadonlySet<TunnelProtocol> {
  if (given.includes('none')) return new Set()
  return new Set(given.length === 0 ? DEFAULT_DISABLED : (given as readonly TunnelProtocol[]))
}

function serversOf(
  given: readonly Listener[],
  disabled: ReadonlySet<TunnelProtocol>,
): Result<readonly Listener[]> {
  const conflict = given.find(({ protocol }) => disabled.has(protocol))
  if (conflict)
    return refuse(
      `--pp ${conflict.port} ${conflict.protocol}: this protocol is disabled; allowed are ${enabledText(disabled)}, see --disable-proto`,
    )
  if (given.length === 0) return ok(DEFAULT_LISTENERS.filter(({ protocol }) => !disabled.has(protocol)))
  // One server for each protocol: the first port wins.
  return ok(given.filter((one, at) => given.findIndex(({ protocol }) => protocol === one.protocol) === at))
}

const enabledText = (disabled: ReadonlySet<TunnelProtocol>): string =>
  TUNNEL_PROTOCOLS.filter((protocol) => !disabled.has(protocol)).join(', ') || 'none'
