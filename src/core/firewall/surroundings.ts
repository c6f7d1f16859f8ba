import { isIP } from 'node:net'
import type { NodeOptions } from '../options/node-options.ts'
import type { RegistryOptions } from '../options/registry-option-checks.ts'
import { type Network, networkCidr, type Prefix } from '../values/prefix.ts'
import type { Family } from './permission.ts'

/** What the rules of a node follow from. */
export interface Surroundings {
  readonly options: NodeOptions
  /** From the certificates; undefined as long as the machine is not enrolled. */
  readonly own: { readonly network: Network; readonly prefix: Prefix } | undefined
  /** The IPv4 range of the network, e.g. `10.42.0.0/16`, if it carries IPv4. */
  readonly ipv4Range: string | undefined
  /** The registry that runs on this machine. */
  readonly registry: Pick<RegistryOptions, 'port' | 'listenAddresses' | 'mailHost'> | undefined
  /** Interfaces by which this machine reaches the Internet. */
  readonly uplinks: Readonly<Record<Family, readonly string[]>>
  /** The tunnels that there are; none as long as the node does not run. */
  readonly tunnels?: readonly string[]
}

/** All tunnels, those of the servers included. */
export const ANY_TUNNEL = 're6stnet*'

/** The tunnels, or those that there will be, which stand for all of them. */
export const tunnelsOf = ({ options, tunnels = [] }: Surroundings): readonly string[] =>
  tunnels.length > 0
    ? tunnels
    : options.client === undefined
      ? ['re6stnet1', ...options.listeners.map(({ protocol }) => `re6stnet-${protocol}`)]
      : ['re6stnet']

/** Links between neighbours: each as a rule names it, and interfaces that stand for all that this means. */
export const linksOf = (
  surroundings: Surroundings,
): readonly { name: string; ifaces: readonly string[] }[] => [
  { name: ANY_TUNNEL, ifaces: tunnelsOf(surroundings) },
  ...surroundings.options.interfaces.map((lan) => ({ name: lan, ifaces: [lan] })),
]

/** Interfaces with machines behind them that are part of the network: LANs, and the one with the node's subnet. */
export const lansOf = ({ options: { interfaces, mainInterface } }: Surroundings): readonly string[] => [
  ...new Set([...interfaces, ...(mainInterface === 'lo' ? [] : [mainInterface])]),
]

/**
 * Where packets to and from the Internet pass. A machine that has a way out for the other IP version only needs none
 * for this one; one that has none at all is not connected now, and it cannot be told where they will pass.
 */
export function uplinksOf({ uplinks }: Surroundings, family: Family): readonly (string | undefined)[] {
  if (uplinks[family].length > 0) return uplinks[family]
  return uplinks[family === 'ipv4' ? 'ipv6' : 'ipv4'].length > 0 ? [] : [undefined]
}

/** The network in CIDR notation; undefined before the machine is enrolled. */
export const insideOf = ({ own }: Surroundings): string | undefined => own && networkCidr(own.network)

/** Whether the gateway is asked to forward ports. */
export const usesPortMapping = ({ options: { ipv4Source, listeners } }: Surroundings): boolean =>
  (ipv4Source === 'gateway' || ipv4Source === 'gateway-or-peers') &&
  listeners.some(({ protocol }) => protocol === 'tcp' || protocol === 'udp')

/** A host as it stands in a URL, without the brackets of an IPv6 address. */
export const bareHost = (host: string): string => host.replace(/^\[(.*)\]$/, '$1')

/** IP versions by which a host can be reached: both for a name. */
export function familiesOfHost(host: string): readonly Family[] {
  const version = isIP(bareHost(host))
  if (version === 0) return ['ipv4', 'ipv6']
  return [version === 4 ? 'ipv4' : 'ipv6']
}

/** Whether a host is this machine itself. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host.startsWith('127.')

/** The TCP port of a URL. */
export const portOf = ({ port, protocol }: URL): number =>
  port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
