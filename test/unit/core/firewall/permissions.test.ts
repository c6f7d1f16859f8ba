import { describe, expect, it } from 'vitest'
import { nftablesRule, nftablesScript } from '../../../../src/core/firewall/nftables-script.ts'
import type { Permission } from '../../../../src/core/firewall/permission.ts'
import { permissionsOf } from '../../../../src/core/firewall/permissions.ts'
import { surroundingsOf } from '../../../support/firewall.ts'

/** The rules of a chain without their comments. */
const rules = (permissions: readonly Permission[], hook: Permission['hook']) =>
  permissions
    .filter((one) => one.hook === hook)
    .map((one) => nftablesRule(one).replace(/ accept comment .*/, ''))

describe('what a node needs', () => {
  it('by default: a server over TCP, tunnels out over TCP, and the network inside', () => {
    const permissions = permissionsOf(surroundingsOf([]))
    expect(rules(permissions, 'input')).toEqual([
      'ct state established,related',
      'iifname "lo"',
      'meta nfproto ipv4 tcp dport 1194',
      'iifname "re6stnet*" ip6 saddr fe80::/10 udp dport 6696',
      'icmpv6 type { mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }',
      'iifname "re6stnet*" ip6 saddr fe80::/10 icmpv6 type { echo-request }',
      'ip6 saddr 2001:db8:42::/48 udp dport 326',
      'ip6 saddr 2001:db8:42::/48 meta l4proto ipv6-icmp',
      'ip daddr 224.0.0.1 udp dport 5350',
    ])
    expect(rules(permissions, 'forward')).toEqual([
      'iifname "re6stnet*" oifname "re6stnet*" meta nfproto ipv6',
    ])
    expect(rules(permissions, 'output')).toEqual([
      'ct state established,related',
      'oifname "lo"',
      'meta nfproto ipv4 meta l4proto tcp',
      'meta nfproto ipv6 meta l4proto tcp',
      'meta nfproto ipv4 udp dport 1900',
      'meta nfproto ipv4 udp dport 5351',
      'oifname "re6stnet*" ip6 saddr fe80::/10 udp dport 6696',
      'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report }',
      'oifname "re6stnet*" ip6 daddr fe80::/10 icmpv6 type { echo-request }',
      'ip6 daddr 2001:db8:42::/48 udp dport 326',
      'ip6 daddr 2001:db8:42::/48 meta l4proto ipv6-icmp',
    ])
  })

  it('each server of --pp, with its protocol and IP version', () => {
    const options = [
      '--disable-proto',
      'none',
      '--pp',
      '5000',
      'udp6',
      '--pp',
      '443',
      'tcp',
      '--pp',
      '8443',
      'tcp6',
    ]
    const input = rules(permissionsOf(surroundingsOf(options)), 'input')
    expect(input).toContain('meta nfproto ipv6 udp dport 5000')
    expect(input).toContain('meta nfproto ipv4 tcp dport 443')
    expect(input).toContain('meta nfproto ipv6 tcp dport 8443')
  })

  it('no server and only its remotes with --client', () => {
    const permissions = permissionsOf(
      surroundingsOf(['--client', '198.51.100.7,1194,tcp;node.example,443,tcp6']),
    )
    expect(rules(permissions, 'input').filter((rule) => rule.includes('tcp'))).toEqual([])
    expect(rules(permissions, 'output').filter((rule) => /tcp|port 53/.test(rule))).toEqual([
      'ip daddr 198.51.100.7 tcp dport 1194',
      'meta nfproto ipv6 tcp dport 443',
      'meta nfproto ipv4 udp dport 53',
      'meta nfproto ipv6 udp dport 53',
      'ip daddr 192.0.2.1 tcp dport 80',
    ])
  })

  it('nothing of the gateway when addresses are given', () => {
    const texts = permissionsOf(surroundingsOf(['--ip', '203.0.113.7']))
      .map(nftablesRule)
      .join('\n')
    expect(texts).not.toMatch(/1900|535[01]/)
  })

  it('a LAN, and the interface of its own subnet', () => {
    const permissions = permissionsOf(
      surroundingsOf(['-i', 'eth0', '-I', 'eth1'], { ipv4Range: '10.42.0.0/16' }),
    )
    expect(rules(permissions, 'input')).toContain('iifname "eth0" ip6 saddr fe80::/10 udp dport 6696')
    expect(rules(permissions, 'input')).not.toContain('iifname "eth1" ip6 saddr fe80::/10 udp dport 6696')
    expect(rules(permissions, 'forward')).toEqual([
      'iifname "re6stnet*" oifname "re6stnet*" meta nfproto ipv6',
      'iifname "re6stnet*" oifname "re6stnet*" meta nfproto ipv4',
      ...['eth0', 'eth1'].flatMap((lan) => [
        `iifname "${lan}" ip6 saddr 2001:db8:42::/48`,
        `oifname "${lan}" ip6 daddr 2001:db8:42::/48`,
        `iifname "${lan}" ip saddr 10.42.0.0/16`,
        `oifname "${lan}" ip daddr 10.42.0.0/16`,
      ]),
    ])
  })

  it('streams to a LAN with --multicast', () => {
    expect(rules(permissionsOf(surroundingsOf(['-i', 'eth0', '-m'])), 'forward')).toContain(
      'oifname "eth0" ip6 saddr 2001:db8:42::/48 ip6 daddr ff00::/8',
    )
  })

  it('the way to the Internet with --gateway', () => {
    expect(rules(permissionsOf(surroundingsOf(['--gateway'])), 'forward')).toEqual([
      'iifname "re6stnet*" oifname "re6stnet*" meta nfproto ipv6',
      'iifname "re6stnet*" oifname != "re6stnet*" ip6 saddr 2001:db8:42::/48',
      'iifname != "re6stnet*" oifname "re6stnet*" ip6 daddr 2001:db8:42::/48',
    ])
  })

  it('the port of a registry on this machine, unless only this machine itself may ask it', () => {
    const registry = { port: 8080, listenAddresses: ['0.0.0.0', '::1'], mailHost: 'mail.example:587' }
    const permissions = permissionsOf(
      surroundingsOf(['--client-count', '0', '--ip', '192.0.2.1'], { registry }),
    )
    expect(rules(permissions, 'input').filter((rule) => rule.includes('8080'))).toEqual([
      'meta nfproto ipv4 tcp dport 8080',
    ])
    expect(rules(permissions, 'output')).toContain('meta nfproto ipv6 tcp dport 587')
  })

  it('nothing inside the network before the machine is enrolled', () => {
    const texts = permissionsOf(surroundingsOf([], { own: undefined }))
      .map(nftablesRule)
      .join('\n')
    expect(texts).not.toMatch(/326|2001:db8/)
    expect(texts).toMatch(/tcp dport 1194/)
  })

  it('each rule says why, and its comment fits into the kernel', () => {
    const permissions = permissionsOf(
      surroundingsOf(['-i', 'a-long-name-eth', '--gateway'], { ipv4Range: '10.0.0.0/8' }),
    )
    const script = nftablesScript(permissions, [])
    for (const { purposes } of permissions) {
      expect(purposes.length).toBeGreaterThan(0)
      for (const { title, why } of purposes) {
        expect(Buffer.byteLength(`re6stnet: ${title}`)).toBeLessThan(128)
        expect(script.replace(/\s*\n\s*# /g, ' ')).toContain(`${title}: ${why}`)
      }
    }
  })
})
