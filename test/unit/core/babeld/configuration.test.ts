import { describe, expect, it } from 'vitest'
import {
  type BabeldConfiguration,
  babeldArguments,
  configurationFile,
  flushLine,
  interfaceLine,
  keyLine,
} from '../../../../src/core/babeld/configuration.ts'

const KEY = Uint8Array.from({ length: 16 }, (_, at) => at)
const TUNNEL = {
  isTunnel: true,
  isExpensive: false,
  defaults: 'max-rtt-penalty 5000',
  helloIntervalMs: 15_000,
  updateIntervalMs: 15_000,
  signed: true,
  acceptsAnything: false,
}
const CONFIGURATION: BabeldConfiguration = {
  nodeCidr: '2001:db8:42:1::1/64',
  networkCidr: '2001:db8:42::/48',
  nodeAddress: '2001:db8:42:1::1',
  ipv4: undefined,
  defaultRoute: 'take-for-network',
  sourceSpecific: true,
  sign: KEY,
  interfaces: new Map([['re6stnet-tcp', TUNNEL]]),
}

describe('the configuration file', () => {
  it('announces the node alone, signs, and has each interface', () => {
    expect(configurationFile(CONFIGURATION).split('\n')).toEqual([
      'skip-kernel-setup true',
      'link-detect true',
      'redistribute local deny',
      'redistribute ip 2001:db8:42:1::1/64 eq 64',
      'redistribute deny',
      'in ip ::/0 eq 0 src-ip 2001:db8:42::/48 src-eq 48',
      'in ip ::/0 eq 0 deny',
      'install ip ::/0 pref-src 2001:db8:42:1::1',
      'key type blake2s128 id sign value 000102030405060708090a0b0c0d0e0f',
      'interface re6stnet-tcp type tunnel rxcost 96 max-rtt-penalty 5000 hello-interval 15 update-interval 15 key sign',
      '',
    ])
  })

  it('keeps default routes out where the kernel cannot tell whom they are for', () => {
    const file = configurationFile({ ...CONFIGURATION, sourceSpecific: false })
    expect(file).toContain('ipv6-subtrees false\nin ip ::/0 eq 0 deny\nout ip ::/0 eq 0 deny\n')
    expect(file).not.toContain('src-')
    const byDefault = { ...CONFIGURATION, sourceSpecific: false, defaultRoute: 'take-as-announced' } as const
    expect(configurationFile(byDefault)).toContain(
      'ipv6-subtrees false\nin ip ::/0 eq 0 src-ip ::/0 src-ge 1 deny\nout ip ::/0 eq 0 deny\n',
    )
  })

  it('lets a gateway announce its default route for packets from the network, also without such routes in its kernel', () => {
    const announced = configurationFile({ ...CONFIGURATION, defaultRoute: 'announce' }).split('\n')
    expect(announced.slice(4, 7)).toEqual([
      'redistribute ip ::/0 eq 0 src-ip ::/0 src-eq 0 src-prefix 2001:db8:42::/48',
      'redistribute ip ::/0 eq 0 src-ip ::/0 src-eq 0 proto 3 src-prefix 2001:db8:42::/48',
      'redistribute deny',
    ])
    const without = configurationFile({ ...CONFIGURATION, defaultRoute: 'announce', sourceSpecific: false })
    expect(without).toContain('out ip ::/0 eq 0 src-ip 2001:db8:42::/48 src-eq 48\nout ip ::/0 eq 0 deny\n')
  })

  it('takes default routes as they are announced when there is no other', () => {
    const file = configurationFile({ ...CONFIGURATION, defaultRoute: 'take-as-announced' })
    expect(file.match(/^(in|install) .*$/gm)).toEqual(['install ip ::/0 pref-src 2001:db8:42:1::1'])
  })

  it("announces the node's part of the IPv4 payload, and sends from there", () => {
    const ipv4 = { subnet: '10.42.5.0/24', address: '10.42.5.1' }
    const lines = configurationFile({ ...CONFIGURATION, ipv4 }).split('\n')
    expect(lines).toContain('redistribute ip 10.42.5.0/24 eq 24')
    expect(lines).toContain('install ip 0.0.0.0/0 pref-src 10.42.5.1')
  })

  it('has an interface even when there is none, without which babeld would end', () => {
    const file = configurationFile({ ...CONFIGURATION, sign: undefined, interfaces: new Map() })
    expect(file).toMatch(/^interface re6stnet-none$/m)
    expect(file).not.toContain('key')
  })
})

describe('a line of the control socket', () => {
  it('gives an interface all its values, in seconds', () => {
    expect(interfaceLine('re6stnet1', { ...TUNNEL, helloIntervalMs: 200, acceptsAnything: true })).toBe(
      'interface re6stnet1 type tunnel rxcost 96 max-rtt-penalty 5000 hello-interval 0.2 update-interval 15 key sign accept-bad-signatures true',
    )
    expect(
      interfaceLine('eth0', {
        ...TUNNEL,
        isTunnel: false,
        defaults: '',
        signed: false,
        acceptsAnything: true,
      }),
    ).toBe('interface eth0 rxcost 64 hello-interval 15 update-interval 15')
  })

  it('asks neighbours to send something else another way, below infinity', () => {
    expect(interfaceLine('re6stnet1', { ...TUNNEL, isExpensive: true })).toMatch(
      / rxcost 96 max-rtt-penalty 5000 rxcost 30000 hello/,
    )
  })

  it('changes the key, and forgets an interface', () => {
    expect(keyLine(KEY)).toBe('key type blake2s128 id sign value 000102030405060708090a0b0c0d0e0f')
    expect(flushLine('re6stnet1')).toBe('flush interface re6stnet1')
  })
})

it('the command line, which every user can read, has no key and ends with the extra arguments', () => {
  const paths = { configuration: '/run/babeld.conf', state: '/lib/babeld.state', socket: '/run/babeld.sock' }
  expect(babeldArguments(paths, 1_500, ['-d', '1'])).toEqual([
    ...['-h', '1.5', '-H', '1.5', '-S', '/lib/babeld.state', '-I', '', '-s'],
    ...['-G', '/run/babeld.sock', '-c', '/run/babeld.conf', '-d', '1'],
  ])
})
