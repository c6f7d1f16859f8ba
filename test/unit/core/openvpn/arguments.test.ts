import { describe, expect, it } from 'vitest'
import { clientArguments, isRemoteHost, serverArguments } from '../../../../src/core/openvpn/arguments.ts'
import type { TunnelProtocol } from '../../../../src/core/values/address-list.ts'

const COMMON = {
  iface: 're6stnet1',
  files: { ca: 'ca.crt', cert: 'cert.crt', key: 'cert.key' },
  managementSocket: '/run/x.sock',
  encrypt: false,
  helloIntervalMs: 15_000,
  extraArguments: ['--verb', '5'],
}
const server = (protocol: TunnelProtocol, more = {}) =>
  serverArguments({ ...COMMON, protocol, port: 1194, dhFile: undefined, ...more }).join(' ')
const client = (protocols: readonly TunnelProtocol[], more = {}) => {
  const remotes = protocols.map((protocol) => ({
    host: '192.0.2.1',
    port: 1194,
    protocol,
    country: undefined,
  }))
  return clientArguments({ ...COMMON, peerName: '5/16', remotes, ...more }).join(' ')
}

describe('the command line', () => {
  it('of a server names its protocol, and keeps the families apart', () => {
    expect(server('udp')).toContain('--proto udp4 --port 1194')
    expect(server('tcp')).toContain('--proto tcp4-server --port 1194')
    expect(server('udp6')).toContain('--proto udp6 --bind ipv6only --port 1194')
    expect(server('tcp6')).toContain('--proto tcp6-server --bind ipv6only --port 1194')
  })

  it('of a server has DH parameters only when there are some', () => {
    expect(server('tcp')).toContain('--dh none')
    expect(server('tcp', { dhFile: '/x/dh.pem' })).toContain('--dh /x/dh.pem')
  })

  it('of a client has all remotes in their order, and the name that the peer must have', () => {
    expect(client(['tcp', 'udp6'])).toContain(
      '--remote 192.0.2.1 1194 tcp4-client --remote 192.0.2.1 1194 udp6 --verify-x509-name 5/16 name',
    )
    expect(client(['tcp'], { peerName: undefined })).not.toContain('--verify-x509-name')
  })

  it('of a client says goodbye over UDP', () => {
    expect(client(['tcp', 'tcp6'])).not.toContain('--explicit-exit-notify')
    expect(client(['tcp', 'udp'])).toContain('--explicit-exit-notify 1')
  })

  it('waits four hellos for a silent peer, and the user has the last word', () => {
    expect(server('tcp')).toContain('--ping 15 --ping-exit 60')
    expect(client(['tcp'], { helloIntervalMs: 250 })).toContain('--ping 1 --ping-exit 4')
    expect(server('tcp')).toMatch(/ --management-hold --verb 5$/)
  })

  it('offers to talk without encryption only when that is wanted', () => {
    expect(server('tcp')).toContain(
      '--data-ciphers none:AES-256-GCM:AES-128-GCM --data-ciphers-fallback none',
    )
    expect(server('tcp', { encrypt: true })).not.toContain('none:')
  })

  it('never negotiates another key for nothing', () => {
    expect(server('udp')).toContain('--reneg-bytes 0')
    expect(client(['udp'])).toContain('--reneg-bytes 0')
    expect(client(['udp'], { encrypt: true })).not.toContain('--reneg-bytes')
  })

  it('never takes a host for an option', () => {
    for (const host of ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0', 'node.example.com', '::1'])
      expect(isRemoteHost(host), host).toBe(true)
    for (const host of ['', '-', '--config', 'a b', 'a\nb', '"x"', '%eth0', '.'])
      expect(isRemoteHost(host), host).toBe(false)
  })
})
