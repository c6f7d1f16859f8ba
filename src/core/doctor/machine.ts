import { checkBabeldVersion } from '../babeld/version.ts'
import { checkOpenvpnVersion } from '../openvpn/version.ts'
import type { Finding, FindingCode } from './finding.ts'

/** What the machine has. */
export interface MachineFacts {
  /** What each program printed of its version; undefined: it is not there. */
  readonly openvpn: string | undefined
  /** The same, where babeld is the router of the node. */
  readonly babeld: { readonly printed: string | undefined } | undefined
  /** Other programs of a node that are not there, with their Debian packages. */
  readonly missing: readonly {
    readonly program: string
    readonly package: string
    /** The option without which it is not needed. */
    readonly option?: string
  }[]
  /** Why /dev/net/tun cannot be opened; undefined: it can. */
  readonly tunObstacle: string | undefined
  /** Whether root may change the network here (CAP_NET_ADMIN); undefined: not known. */
  readonly mayAdministrate: boolean | undefined
  /** Whether settings of the kernel cannot be changed here. */
  readonly settingsAreReadOnly: boolean
  /** Undefined: it could not be tried. */
  readonly sourceSpecificRoutes: boolean | undefined
  /** Where IPv6 is switched off: `all`, `default`, or interfaces that the node uses; or the kernel has none. */
  readonly ipv6Disabled: readonly string[] | 'by-the-kernel'
  /** With --default, another default route. */
  readonly otherDefaultRoute: string | undefined
  /** Settings of the kernel that a running node needs, and that are off. */
  readonly forwardingOff: readonly string[]
  /** Where IPv4 packets are dropped that come by another way than answers go: the setting that a running node needs to be 0. */
  readonly pathFilter: string | undefined
}

/** Judges the machine. */
export function judgeMachine(facts: MachineFacts): Finding[] {
  const { missing, tunObstacle, ipv6Disabled, otherDefaultRoute, forwardingOff, pathFilter } = facts
  const findings = [
    ...missing.map(
      ({ program, package: name, option }): Finding => ({
        code: 'program-missing',
        what: `the program ${program}${option === undefined ? '' : `, which ${option} needs,`} is not there, or not in PATH`,
        remedy: `apt-get install ${name}`,
      }),
    ),
    ...program('openvpn', facts.openvpn, checkOpenvpnVersion),
    ...(facts.babeld ? program('babeld', facts.babeld.printed, checkBabeldVersion) : []),
  ]
  const add = (code: FindingCode, what: string, remedy: string) => findings.push({ code, what, remedy })
  if (tunObstacle !== undefined)
    add(
      'no-tun-device',
      `/dev/net/tun cannot be opened (${tunObstacle}): no tunnel can be made`,
      'modprobe tun; in a container, its host must give it the device /dev/net/tun; a kernel may also lack CONFIG_TUN',
    )
  if (facts.mayAdministrate === false)
    add(
      'no-net-admin',
      'root may not change interfaces and routes here (CAP_NET_ADMIN is missing): no tunnel can be made',
      'in a container, its host must allow it: --cap-add NET_ADMIN for Docker and Podman, and --device /dev/net/tun',
    )
  if (facts.settingsAreReadOnly && facts.forwardingOff.length > 0)
    add(
      'settings-read-only',
      `${facts.forwardingOff.map((path) => `${path} is 0`).join(', ')}, and /proc/sys is read-only: the node cannot switch it on`,
      `in a container, its host must set it: ${facts.forwardingOff.map((path) => `--sysctl ${path}=1`).join(' ')} for Docker and Podman`,
    )
  if (facts.sourceSpecificRoutes === false)
    add(
      'no-source-specific-routes',
      'the kernel has no source-specific IPv6 routes: no tunnels over IPv6, and a way to the Internet through the network only where the machine has no other (with babeld not even there)',
      'use a kernel with CONFIG_IPV6_SUBTREES, as those of Debian are',
    )
  if (ipv6Disabled === 'by-the-kernel')
    add(
      'ipv6-disabled',
      'the kernel has no IPv6: no node can run here',
      "remove ipv6.disable=1 from the kernel's command line (/etc/default/grub, then update-grub) and restart the machine; a kernel may also lack CONFIG_IPV6, and a container what its host has not",
    )
  else if (ipv6Disabled.length > 0)
    add(
      'ipv6-disabled',
      `IPv6 is switched off (${ipv6Disabled.map((name) => `net.ipv6.conf.${name}.disable_ipv6 = 1`).join(', ')})`,
      `${ipv6Disabled.map((name) => `sysctl -w net.ipv6.conf.${name}.disable_ipv6=0`).join('; ')}; and find out who sets it: /etc/sysctl.d, NetworkManager, ipv6.disable_ipv6=1 on the kernel's command line`,
    )
  if (otherDefaultRoute !== undefined)
    add(
      'other-default-route',
      `with --default, the network must have the only IPv6 default route, but there is another (${otherDefaultRoute})`,
      'remove that route and what makes it (router advertisements: sysctl -w net.ipv6.conf.IFACE.accept_ra=0), or start without --default',
    )
  if (forwardingOff.length > 0 && !facts.settingsAreReadOnly)
    add(
      'forwarding-off',
      `${forwardingOff.map((path) => `${path} is 0`).join(', ')}: this node drops the packets of others, and does not answer them all`,
      `${forwardingOff.map((path) => `sysctl -w ${path}=1`).join('; ')}; the node had switched it on: find out who switched it off (/etc/sysctl.d, a firewall script, NetworkManager)`,
    )
  if (pathFilter !== undefined)
    add(
      'ipv4-path-filter',
      `${pathFilter} is not 0: this node drops IPv4 packets of the network, which come by other ways than answers go`,
      `sysctl -w ${pathFilter}=0 (it is still possible for single interfaces); the node had set it: find out who changed it (/etc/sysctl.d, a firewall script)`,
    )
  return findings
}

function program(
  name: 'openvpn' | 'babeld',
  printed: string | undefined,
  check: typeof checkOpenvpnVersion,
): Finding[] {
  if (printed === undefined)
    return [
      {
        code: `${name}-missing`,
        what: `the program ${name} is not there, or not in PATH`,
        remedy: `apt-get install ${name}`,
      },
    ]
  const version = check(printed)
  if (version.ok) return []
  return [
    {
      code: `${name}-too-old`,
      what: version.reason,
      remedy: `upgrade ${name}: Debian 12 and later have one that is new enough; an older one may be earlier in PATH`,
    },
  ]
}
