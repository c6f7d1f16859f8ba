import { describe, expect, it } from 'vitest'
import { isRoutedGroup, isSourceSpecificGroup } from '../../../../src/core/multicast/channel.ts'
import { readKernelTables } from '../../../../src/core/multicast/kernel-tables.ts'
import { LocalSources } from '../../../../src/core/multicast/local-sources.ts'
import { fc, test } from '../../../support/property.ts'

const TEXTS = {
  igmp6: `1    lo              ff020000000000000000000000000001     1 0000000C 0
4    re6stnet-mc     ff3e0000000000000000000000000001     2 00000004 0
4    re6stnet-mc     ff050000000000000000000000000002     1 00000004 0
`,
  mcfilter6: `Idx Device                Multicast Address                   Source Address    INC    EXC
  4 re6stn ff3e0000000000000000000000000001 fd00000a000000000000000000000001      1      0
  4 re6stn ff050000000000000000000000000002 fd00000a000000000000000000000001      0      1
`,
  ip6_mr_vif: `Interface      BytesIn  PktsIn  BytesOut PktsOut Flags
 0 re6stnet-mc       0       0         0       0 00000
 2 re6stnet1         0       0      8112     156 00000
`,
  ip6_mr_cache: `Group                            Origin                           Iif      Pkts  Bytes     Wrong  Oifs
ff3e:0000:0000:0000:0000:0000:0000:0001 fd00:000a:0000:0000:0000:0000:0000:0001 0         22     1102       11  2:1
ff3e:0000:0000:0000:0000:0000:0000:0002 fd00:000a:0000:0000:0000:0000:0000:0001 -1
`,
}

describe('tables of the kernel', () => {
  it('tell who listens, what is forwarded, and where', () => {
    expect(readKernelTables(TEXTS)).toEqual({
      memberships: [
        { iface: 're6stnet-mc', group: 'ff3e::1', sources: ['fd00:a::1'] },
        { iface: 're6stnet-mc', group: 'ff05::2', sources: [] },
      ],
      cache: [
        { source: 'fd00:a::1', group: 'ff3e::1', iface: 're6stnet-mc', packets: 11 },
        { source: 'fd00:a::1', group: 'ff3e::2', iface: undefined, packets: 0 },
      ],
      routedIfaces: ['re6stnet-mc', 're6stnet1'],
    })
  })

  test('may be any text', fc.string(), fc.string(), (one, other) => {
    const tables = readKernelTables({ igmp6: one, mcfilter6: other, ip6_mr_vif: other, ip6_mr_cache: one })
    expect(tables.memberships).toEqual([])
  })
})

describe('a group', () => {
  it('is forwarded when its scope is wider than a link', () => {
    expect(['ff0e::1', 'ff38::1', 'ff15::1', 'ff04::1'].filter(isRoutedGroup)).toHaveLength(4)
    expect(['ff02::1', 'ff01::1', 'ff03::1', 'fe80::1', '::'].filter(isRoutedGroup)).toEqual([])
  })

  it('is source-specific in ff3x::/32', () => {
    expect(['ff3e::1', 'ff38:0:1::', 'ff35::8000:1'].every(isSourceSpecificGroup)).toBe(true)
    expect(['ff3e:30:2001:db8:42::1', 'ff0e::1', 'ff7e:140::1'].some(isSourceSpecificGroup)).toBe(false)
  })
})

describe('sources of this node', () => {
  const entry = (packets: number, source = '2001:db8::1') => [
    { source, group: 'ff3e::1', iface: 're6stnet-mc', packets },
  ]
  const own = { source: '2001:db8::1', group: 'ff3e::1', iface: 're6stnet-mc' }

  it('are those of its subnet that send', () => {
    const sources = new LocalSources((address) => address.startsWith('2001:db8::'))
    expect(sources.update(entry(1), 0)).toEqual([own])
    expect(sources.update(entry(1, '2001:db9::1'), 0)).toEqual([])
  })

  it('are gone when they are silent for three and a half minutes, or the kernel has forgotten them', () => {
    const sources = new LocalSources(() => true)
    sources.update(entry(1), 0)
    expect(sources.update(entry(2), 100_000)).toEqual([own])
    expect(sources.update(entry(2), 300_000)).toEqual([own])
    expect(sources.update(entry(2), 310_000)).toEqual([])
    expect(sources.update(entry(3), 320_000)).toEqual([own])
    expect(sources.update([], 321_000)).toEqual([])
  })
})
