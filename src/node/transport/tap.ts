import { randomBytes } from 'node:crypto'
import { isDatagram } from '../../core/openvpn/arguments.ts'
import type { TunnelProtocol } from '../../core/values/address-list.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import type { Sysctls } from '../../platform/sysctls.ts'

/**
 * MTU of a tap whose packets travel in UDP: the least that IPv6 takes (RFC 8200, section 5). A full packet of it is at
 * most 1350 bytes on an IPv4 underlay (1280 + 14 Ethernet + 28 OpenVPN + 8 UDP + 20) and 1370 over IPv6: no fragments,
 * which some NATs and firewalls lose, nor any need to hear that a packet is too large, which others keep from us, on
 * paths of PPPoE, of tunnels, of clouds and of mobile networks. Senders learn it by path MTU discovery, ours and those
 * behind us. What comes out of the tunnel may be larger (the tap of a Python node has 1500): OpenVPN and the kernel
 * take that, only `--tun-mtu` would not.
 */
const DATAGRAM_TAP_MTU = 1280
/** Over TCP a packet is a piece of a stream: its size does not matter. */
const STREAM_TAP_MTU = 1500

/**
 * What is 0 for a tap, whatever the machine has for new interfaces. The other end is another node, which must not
 * give us addresses, default routes or another way by itself: routers are those that our own router knows.
 */
const settingsOf = (iface: string): readonly string[] => [
  ...['accept_ra', 'accept_redirects', 'accept_source_route'].map((name) => `net/ipv6/conf/${iface}/${name}`),
  ...['accept_redirects', 'accept_source_route'].map((name) => `net/ipv4/conf/${iface}/${name}`),
  // A tap has no IPv4 address: the kernel would drop all IPv4 that comes from there and goes back another way.
  `net/ipv4/conf/${iface}/rp_filter`,
]

interface TapContext {
  readonly processes: Processes
  readonly sysctls: Sysctls
  readonly log: Logger
}

/** Sets up the tap of one OpenVPN process. */
export interface Tap {
  /** Makes it usable, link-local address included. May be repeated. @throws Re6stError `DAEMON` if `ip` fails */
  raise(protocol: TunnelProtocol): Promise<void>
}

/**
 * OpenVPN leaves a tap down that has no address. The link-local address is ours and not the kernel's, because then it
 * needs no duplicate address detection, which would take 1 to 2 s: 64 random bits (RFC 7217 allows it) have no
 * duplicate. It is there before the interface is up: the router finds it at the event that tells of the link.
 */
export function createTap({ processes, sysctls, log }: TapContext, iface: string): Tap {
  const address = `fe80::${[...randomBytes(8).toString('hex').matchAll(/.{4}/g)].join(':')}`
  const clear = async (path: string) => {
    // Not there: a kernel without IPv6, or an interface that has gone again.
    if ([undefined, '0'].includes(await sysctls.read(path))) return
    await sysctls
      .write(path, '0')
      .catch((error: unknown) => log.warn({ err: error, path }, 'cannot be set to 0'))
  }
  return {
    async raise(protocol) {
      // Before it is up: there is no moment in which a peer finds it otherwise.
      await Promise.all(settingsOf(iface).map(clear))
      const mtu = isDatagram(protocol) ? DATAGRAM_TAP_MTU : STREAM_TAP_MTU
      const commands = [
        `link set dev ${iface} addrgenmode none mtu ${mtu}`,
        `addr replace ${address}/64 dev ${iface} nodad`,
        `link set dev ${iface} up`,
      ]
      await processes.run('ip', ['-batch', '-'], { input: `${commands.join('\n')}\n` })
    },
  }
}
