import type { Finding } from './finding.ts'

/** A connection profile of NetworkManager, as its file says it. */
export interface ConnectionProfile {
  readonly file: string
  readonly name: string
  /** Undefined: any device of its type. */
  readonly iface: string | undefined
  readonly type: string | undefined
  /** Of the one card that it is for. */
  readonly macAddress: string | undefined
  /** Patterns of which an interface must match one, and none that begins with `!`; none: it is for all. */
  readonly matches: readonly string[]
  readonly ipv6Method: string | undefined
}

/** Methods that leave an interface without IPv6, or take it away. */
const WITHOUT_IPV6: ReadonlySet<string> = new Set(['ignore', 'disabled'])

/** Reads a profile (nm-settings-keyfile(5)): sections in brackets, `key=value`, comments with `#`. Later values win. */
export function readConnectionProfile(file: string, text: string): ConnectionProfile {
  const values = new Map<string, string>()
  let section = ''
  for (const line of text.split('\n')) {
    const [, heading] = /^\s*\[(.*)\]\s*$/.exec(line) ?? []
    if (heading !== undefined) section = heading
    const [, key, value = ''] = /^\s*([A-Za-z0-9._-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (key !== undefined) values.set(`${section}.${key}`, value)
  }
  return {
    file,
    name: values.get('connection.id') ?? file,
    iface: values.get('connection.interface-name') || undefined,
    type: values.get('connection.type'),
    macAddress: ['ethernet', '802-3-ethernet', 'wifi', '802-11-wireless']
      .flatMap((section) => values.get(`${section}.mac-address`) || [])
      .map((address) => address.toLowerCase())[0],
    matches: (values.get('match.interface-name') ?? '').split(/[;,\s]+/).filter((pattern) => pattern !== ''),
    ipv6Method: values.get('ipv6.method'),
  }
}

/** An interface that the node uses itself. */
export interface UsedInterface {
  readonly name: string
  /** Undefined: it is not there. */
  readonly macAddress: string | undefined
  /** The type of connections for it, as NetworkManager names it; undefined: not known. */
  readonly type: string | undefined
}

/** What profiles of a type are called. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  '802-3-ethernet': 'ethernet',
  '802-11-wireless': 'wifi',
}

/** Whether a profile can be that of an interface (nm-settings(5)). */
function appliesTo({ iface, type, macAddress, matches }: ConnectionProfile, used: UsedInterface): boolean {
  if (iface !== undefined && iface !== used.name) return false
  const typeName = type === undefined ? undefined : (TYPE_NAMES[type] ?? type)
  // Of a type of its own (vpn, wireguard, bridge …), it makes its interface: that one must have its name.
  if (iface === undefined && typeName !== undefined && typeName !== (used.type ?? 'ethernet')) return false
  if (macAddress !== undefined && used.macAddress !== undefined && macAddress !== used.macAddress)
    return false
  const [refused, wanted] = [
    matches.filter((one) => one.startsWith('!')),
    matches.filter((one) => !one.startsWith('!')),
  ]
  if (refused.some((pattern) => hasShape(used.name, pattern.slice(1)))) return false
  return wanted.length === 0 || wanted.some((pattern) => hasShape(used.name, pattern.replace(/^[|&]/, '')))
}

/** A pattern of the shell: `*` and `?`. */
const hasShape = (name: string, pattern: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  ).test(name)

/**
 * Judges the profiles of NetworkManager.
 * @param interfaces those that the node uses itself, besides its tunnels (`--interface`, `--main-interface`)
 */
export function judgeNetworkManager(
  profiles: readonly ConnectionProfile[],
  interfaces: readonly UsedInterface[],
): Finding[] {
  const used = interfaces.filter(({ name }) => name !== 'lo')
  return profiles.flatMap((profile): Finding[] => {
    const { file, name, iface, type, ipv6Method } = profile
    if (iface?.startsWith('re6stnet') || (iface === undefined && type === 'tun'))
      return [
        {
          code: 'network-manager',
          what: `the connection "${name}" of NetworkManager (${file}) takes over ${iface === undefined ? 'every tap' : `the tunnel ${iface}`}: it removes the addresses that the node gives it`,
          remedy: `nmcli connection delete "${name}", and let NetworkManager leave tunnels alone: unmanaged-devices=interface-name:re6stnet* in the section [keyfile] of /etc/NetworkManager/conf.d/re6stnet.conf`,
        },
      ]
    const concerned = used.filter((one) => appliesTo(profile, one)).map((one) => one.name)
    if (concerned.length === 0 || ipv6Method === undefined || !WITHOUT_IPV6.has(ipv6Method)) return []
    return [
      {
        code: 'network-manager',
        what: `the connection "${name}" of NetworkManager (${file}) has ipv6.method=${ipv6Method}: it takes IPv6 from ${concerned.join(', ')}, which the node uses`,
        remedy: `nmcli connection modify "${name}" ipv6.method link-local (or auto), then nmcli connection up "${name}", and start the node again`,
      },
    ]
  })
}
