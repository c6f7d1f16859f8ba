import type { Finding } from './finding.ts'

/** A connection profile of NetworkManager, as its file says it. */
export interface ConnectionProfile {
  readonly file: string
  readonly name: string
  /** Undefined: any device of its type. */
  readonly iface: string | undefined
  readonly type: string | undefined
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
    ipv6Method: values.get('ipv6.method'),
  }
}

/**
 * Judges the profiles of NetworkManager.
 * @param interfaces the interfaces that the node uses itself, besides its tunnels (`--interface`, `--main-interface`)
 */
export function judgeNetworkManager(
  profiles: readonly ConnectionProfile[],
  interfaces: readonly string[],
): Finding[] {
  const used = interfaces.filter((iface) => iface !== 'lo')
  return profiles.flatMap(({ file, name, iface, type, ipv6Method }): Finding[] => {
    if (iface?.startsWith('re6stnet') || (iface === undefined && type === 'tun'))
      return [
        {
          code: 'network-manager',
          what: `the connection "${name}" of NetworkManager (${file}) takes over ${iface === undefined ? 'every tap' : `the tunnel ${iface}`}: it removes the addresses that the node gives it`,
          remedy: `nmcli connection delete "${name}", and let NetworkManager leave tunnels alone: unmanaged-devices=interface-name:re6stnet* in the section [keyfile] of /etc/NetworkManager/conf.d/re6stnet.conf`,
        },
      ]
    const concerned = iface === undefined ? used : used.filter((one) => one === iface)
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
