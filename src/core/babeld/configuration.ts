import { LAN_RXCOST, TUNNEL_RXCOST } from '../babel/metric.ts'
import type { DefaultRoute, Ipv4Announcement } from '../routes/announcements.ts'
import type { Intervals } from './intervals.ts'

/** What babeld is started with: the part that it reads only at its start. */
export interface BabeldConfiguration {
  /** Node address in CIDR notation: the only IPv6 route that we announce. */
  readonly nodeCidr: string
  readonly networkCidr: string
  readonly nodeAddress: string
  /** The node's part of the IPv4 payload. */
  readonly ipv4: Ipv4Announcement | undefined
  readonly defaultRoute: DefaultRoute
  /** Whether the kernel has source-specific routes (RFC 9079). */
  readonly sourceSpecific: boolean
  readonly sign: Uint8Array | undefined
  /** Interfaces with what is to hold on each. */
  readonly interfaces: ReadonlyMap<string, InterfaceConfiguration>
}

/** What babeld reads when an interface comes up. */
export interface InterfaceConfiguration extends Intervals {
  /**
   * A tunnel of ours: several neighbours of one server hear the server, and not each other (no split horizon), and the
   * round-trip time counts. babeld would take a tap for something wireless.
   */
  readonly isTunnel: boolean
  /** Whether neighbours are to send to us over it only when there is no other way. */
  readonly isExpensive: boolean
  /** `babel_default` of the network configuration. */
  readonly defaults: string
  /** Whether its packets are signed with our key and those of others are checked (RFC 8967). */
  readonly signed: boolean
  /** Whether packets with a wrong signature, or none, are accepted: while a network turns authentication on. */
  readonly acceptsAnything: boolean
}

/**
 * More than any other way in a network whose links cost 96, and up to 5,000 for their round-trip time (`babel_default`);
 * far enough from infinity (65,535) that what goes on beyond can be added.
 */
const EXPENSIVE_RXCOST = 30_000

/** The name by which interfaces refer to our one key. */
const KEY = 'sign'

/** Protocol number of routes that nobody said a protocol of. */
const RTPROT_BOOT = 3

/** babeld ends at once when it has no interface. This one never comes up. */
const NO_INTERFACE = 're6stnet-none'

/** The `key` line: in the configuration file, and on the control socket, where it takes effect at once. */
export const keyLine = (key: Uint8Array): string =>
  `key type blake2s128 id ${KEY} value ${Buffer.from(key).toString('hex')}`

/**
 * The `interface` line. It says everything each time: interfaces that are added on the control socket do not get the
 * values of `default`.
 */
export function interfaceLine(iface: string, configuration: InterfaceConfiguration): string {
  const { isTunnel, isExpensive, defaults, helloIntervalMs, updateIntervalMs, signed, acceptsAnything } =
    configuration
  return [
    `interface ${iface}`,
    ...(isTunnel ? ['type tunnel', `rxcost ${TUNNEL_RXCOST}`] : [`rxcost ${LAN_RXCOST}`]),
    ...(defaults === '' ? [] : [defaults]),
    // The last one counts.
    ...(isExpensive ? [`rxcost ${EXPENSIVE_RXCOST}`] : []),
    `hello-interval ${seconds(helloIntervalMs)}`,
    `update-interval ${seconds(updateIntervalMs)}`,
    ...(signed ? [`key ${KEY}`] : []),
    ...(signed && acceptsAnything ? ['accept-bad-signatures true'] : []),
  ].join(' ')
}

/** Ends Babel on an interface; its routes leave our kernel at once. */
export const flushLine = (iface: string): string => `flush interface ${iface}`

/**
 * The configuration file. It holds the key, which would be for every user to see on the command line. Filters apply in
 * order, the first that matches decides.
 */
export function configurationFile(configuration: BabeldConfiguration): string {
  const { nodeCidr, nodeAddress, ipv4, defaultRoute, networkCidr, sign, interfaces } = configuration
  return [
    // Forwarding is ours to switch on, and off again: a babeld that is killed would leave it as it is.
    'skip-kernel-setup true',
    // An interface counts only while it is operational (RFC 2863): a cable may be unplugged, and we let a link be
    // dormant for a moment to have its configuration read again.
    'link-detect true',
    'redistribute local deny',
    `redistribute ip ${nodeCidr} eq ${lengthOf(nodeCidr)}`,
    ...(ipv4 ? [`redistribute ip ${ipv4.subnet} eq ${lengthOf(ipv4.subnet)}`] : []),
    ...(defaultRoute === 'announce' ? announcedDefaultRoute(networkCidr) : []),
    'redistribute deny',
    ...acceptedDefaultRoute(configuration),
    ...(ipv4 ? [`install ip 0.0.0.0/0 pref-src ${ipv4.address}`] : []),
    `install ip ::/0 pref-src ${nodeAddress}`,
    ...(sign ? [keyLine(sign)] : []),
    ...[...interfaces].map(([iface, each]) => interfaceLine(iface, each)),
    ...(interfaces.size === 0 ? [`interface ${NO_INTERFACE}`] : []),
    '',
  ].join('\n')
}

/** The kernel's way to the Internet, for packets from the network. Not one that holds for other sources only. */
function announcedDefaultRoute(networkCidr: string): readonly string[] {
  const route = 'redistribute ip ::/0 eq 0 src-ip ::/0 src-eq 0'
  return [
    `${route} src-prefix ${networkCidr}`,
    // Routes that were set by hand, or by ifupdown: babeld leaves them out unless told.
    `${route} proto ${RTPROT_BOOT} src-prefix ${networkCidr}`,
  ]
}

/**
 * Which default routes of others are taken. babeld puts each into the kernel as it was announced: `src-prefix` of an
 * install filter changes nothing. One that is announced for all would carry away what is not the network's.
 */
function acceptedDefaultRoute({
  networkCidr,
  defaultRoute,
  sourceSpecific,
}: BabeldConfiguration): readonly string[] {
  const ofNetwork = `src-ip ${networkCidr} src-eq ${lengthOf(networkCidr)}`
  if (sourceSpecific)
    return defaultRoute === 'take-as-announced'
      ? []
      : [`in ip ::/0 eq 0 ${ofNetwork}`, 'in ip ::/0 eq 0 deny']
  return [
    'ipv6-subtrees false',
    // Those for packets from the network cannot be put into this kernel.
    defaultRoute === 'take-as-announced'
      ? 'in ip ::/0 eq 0 src-ip ::/0 src-ge 1 deny'
      : 'in ip ::/0 eq 0 deny',
    ...(defaultRoute === 'announce' ? [`out ip ::/0 eq 0 ${ofNetwork}`] : []),
    'out ip ::/0 eq 0 deny',
  ]
}

const lengthOf = (cidr: string): string => cidr.split('/')[1] ?? ''

/** Where babeld finds and leaves what. */
export interface BabeldPaths {
  readonly configuration: string
  readonly state: string
  readonly socket: string
}

/** The command line; it tells nothing secret. */
export function babeldArguments(
  paths: BabeldPaths,
  helloIntervalMs: number,
  extraArguments: readonly string[],
): readonly string[] {
  const hello = seconds(helloIntervalMs)
  return [
    ...['-h', hello, '-H', hello],
    ...['-S', paths.state],
    // No process id file: babeld refuses to start when one is left over.
    ...['-I', ''],
    // No split horizon: on a server's interface, clients hear of each other through us.
    '-s',
    ...['-G', paths.socket, '-c', paths.configuration],
    ...extraArguments,
  ]
}

/** babeld takes at most three digits after the point. */
const seconds = (ms: number): string => String(Math.round(ms) / 1000)
