import { isIPv4 } from 'node:net'
import { isIpv6Protocol, type PeerAddress, type TunnelProtocol } from '../values/address-list.ts'
import type { Finding } from './finding.ts'

/** What another node says of an address of ours. */
export interface DialFacts {
  /** As we advertise it. */
  readonly address: string
  /** Subnet name of the node that tried. */
  readonly by: string
  readonly reached: boolean
  /** Why not. */
  readonly reason: string | undefined
}

/** Whether others can connect to a running node. */
export interface ReachabilityFacts {
  readonly uptimeMs: number
  /** Servers of ours; none: nobody is to connect to us. */
  readonly listeners: readonly { readonly port: number; readonly protocol: TunnelProtocol }[]
  readonly advertised: readonly (PeerAddress & { readonly text: string })[]
  /** Addresses of this machine's interfaces. */
  readonly interfaceAddresses: readonly string[]
  /** Addresses that `--ip` gives: whoever gives them may have forwarded ports by hand. */
  readonly given: readonly string[]
  /** Whether the gateway forwards our ports by UPnP, NAT-PMP or PCP. */
  readonly isForwarded: boolean
  /** Protocols of our servers that somebody has a tunnel to. */
  readonly served: ReadonlySet<string>
  readonly dialled: readonly DialFacts[]
}

/** A node learns its address from the first server, and the gateway takes its time. */
const PATIENCE_MS = 30_000

/** Judges whether others can connect to this node. What other nodes tried counts most. */
export function judgeReachability(facts: ReachabilityFacts): Finding[] {
  const { listeners, advertised } = facts
  if (listeners.length === 0) return []
  if (advertised.length === 0)
    return facts.uptimeMs < PATIENCE_MS
      ? []
      : [behindNat('no address is known at which others could reach this node')]
  const judged = advertised.flatMap((address) => judgeAddress(address, facts))
  const unforwarded = judged.filter(({ kind }) => kind === 'not-forwarded')
  return [
    ...judged.filter(({ kind }) => kind === 'closed').map(closed),
    ...(unforwarded.length === 0 ? [] : [notForwarded(unforwarded)]),
  ]
}

/** An address that others cannot reach. */
interface Unreachable {
  readonly kind: 'closed' | 'not-forwarded'
  readonly host: string
  readonly port: string
  /** What others said who tried it. */
  readonly tried: readonly string[]
}

function judgeAddress(
  { host, port, protocol, text }: ReachabilityFacts['advertised'][number],
  facts: ReachabilityFacts,
): Unreachable[] {
  const tried = facts.dialled.filter((one) => one.address === text)
  if (tried.some(({ reached }) => reached)) return []
  const isBehindNat = isIPv4(host) && !facts.interfaceAddresses.includes(host) && !facts.isForwarded
  // Where nobody could try, what we know ourselves must do.
  if (tried.length === 0 && (!isBehindNat || facts.served.has(protocol) || facts.given.includes(host)))
    return []
  return [
    {
      kind: isBehindNat ? 'not-forwarded' : 'closed',
      host,
      port: portText(port, protocol),
      tried: tried.map(({ by, reason }) => `${by} tried: ${reason ?? 'no answer'}`),
    },
  ]
}

const closed = ({ host, port, tried }: Unreachable): Finding => ({
  code: 'port-unreachable',
  what: `others cannot connect to ${host}, ${port} (${tried.join('; ')})`,
  remedy: `let ${port} in on this machine (re6st firewall --check names what drops it) and at firewalls and security groups in front of it; if the address is wrong, give the right one with --ip`,
})

function notForwarded(addresses: readonly Unreachable[]): Finding {
  const hosts = [...new Set(addresses.map(({ host }) => host))].join(' and ')
  const ports = addresses.map(({ port }) => port).join(' and ')
  const tried = [...new Set(addresses.flatMap((address) => address.tried))].join('; ')
  return behindNat(
    `this machine is behind a NAT: others see it at ${hosts}, which none of its interfaces has, and no gateway forwards ${ports}${tried === '' ? '' : ` (${tried})`}`,
  )
}

const behindNat = (what: string): Finding => ({
  code: 'nat-without-forwarding',
  what: `${what}: only this node can make tunnels, nobody can make one to it`,
  remedy:
    'switch on UPnP, NAT-PMP or PCP at the gateway, or forward the ports by hand and give its address with --ip; if that is not possible, say --max-clients 0, so that nobody tries',
})

const portText = (port: number, protocol: TunnelProtocol): string =>
  `${protocol.startsWith('tcp') ? 'TCP' : 'UDP'} port ${port}${isIpv6Protocol(protocol) ? ' (IPv6)' : ''}`
