import { describe, expect, it } from 'vitest'
import { bytes, drainText, duration, routesText, statusText, tunnelsText } from '../../../src/ctl/tables.ts'
import { examplesOfDocument } from '../../support/control-examples.ts'

const { status, tunnels, routes } = examplesOfDocument()
const look = { colours: false, nowMs: Date.parse('2026-11-23T21:40:00Z') }

describe('what a person sees', () => {
  it('status tells first whether we are connected', () => {
    expect(statusText(status, look).split('\n')[0]).toBe('1/16  connected: 3 nodes reachable')
    const cutOff = {
      since: '2026-11-23T21:39:20Z',
      connecting: ['2/16', '3/16'],
      tunnels: ['0/16'],
      registryAskedAt: '2026-11-23T21:40:08Z',
    }
    expect(
      statusText({ ...status, connected: false, cutOff }, look)
        .split('\n')
        .slice(0, 2),
    ).toEqual([
      '1/16  NOT connected for 40 s: the node of the registry is not within reach',
      '  does        makes tunnels to 2/16, 3/16; waits for routes over its tunnels to 0/16; asks the registry again in 8 s',
    ])
    const alone = { ...cutOff, connecting: [], tunnels: [], registryAskedAt: null }
    expect(statusText({ ...status, name: '0/16', connected: false, cutOff: alone }, look)).toMatch(
      /^0\/16 {2}NOT connected for 40 s: no other node is within reach\n {2}does {8}asks the registry$/m,
    )
    expect(statusText({ ...status, advertised: [] }, look)).toContain('others cannot connect to us')
  })

  it('status tells when others can read what is in the tunnels', () => {
    const { configuration } = status
    const textWith = (encrypt: boolean) =>
      statusText({ ...status, configuration: { ...configuration, encrypt } }, look)
    expect(textWith(false)).toContain('NOT encrypted')
    expect(textWith(true)).not.toContain('NOT encrypted')
  })

  it('status tells which router finds the ways', () => {
    expect(statusText({ ...status, router: 'babeld' }, look)).toMatch(/^ {2}re6stnet .* router babeld /m)
  })

  it('status tells of multicast only where it is wanted, and of IPv4 only where there is some', () => {
    expect(statusText(status, look)).toMatch(/^ {2}multicast +3 streams to 2 groups forwarded$/m)
    expect(statusText(status, look)).toMatch(/ {2}IPv4 10\.42\.0\.0\/16$/m)
    const dead = { routing: false, reason: 'no smcrouted', streams: 0, groups: 0 }
    expect(statusText({ ...status, multicast: dead }, look)).toContain('NOT routed: no smcrouted')
    const without = {
      ...status,
      multicast: null,
      configuration: { ...status.configuration, ipv4: null },
    }
    expect(statusText(without, look)).not.toMatch(/multicast|IPv4/)
  })

  it('status tells what of the network is not in effect, and why', () => {
    const failing = [{ what: 'configuration' as const, reason: 'an older one' }]
    expect(statusText({ ...status, failing }, look)).toMatch(/NOT in effect: an older one$/m)
    expect(statusText(status, look)).not.toContain('NOT in effect')
    const all = (['changes', 'renewal', 'ipv4', 'servers', 'forwarding', 'cache'] as const).map((what) => ({
      what,
      reason: 'out of memory',
    }))
    const lines = statusText({ ...status, failing: all }, look).match(/^ +.*[A-Z]{3}.*: out of memory$/gm)
    expect(lines).toHaveLength(all.length)
  })

  it('status and drain tell whether others are to take other ways', () => {
    expect(statusText(status, look)).not.toContain('draining')
    expect(statusText({ ...status, draining: '2026-11-23T21:37:00Z' }, look)).toMatch(
      /^ {2}draining +for 3 min: others take other ways \("re6st drain --undo"\)$/m,
    )
    const draining = '2026-11-23T21:37:00Z'
    expect(drainText({ draining, forwarding: false })).toMatch(/nothing is passed on/)
    expect(drainText({ draining, forwarding: true })).toMatch(/packets are still passed on/)
    expect(drainText({ draining: null, forwarding: null })).toMatch(/may come this way again/)
  })

  it('tunnels are aligned, and say why one failed', () => {
    expect(tunnelsText(tunnels, look).split('\n')).toEqual([
      'PEER     STATE   IFACE      PROTO  UNDERLAY          SINCE  IN/OUT     RTT     COST  REASON',
      '0/16  →  up      re6stnet1  tcp    203.0.113.2:1194  3 min  2.8k/2.9k  4.3 ms  96',
      '3/16  →  failed  re6stnet2  -      -                 3 min  -          -       -     connection refused',
    ])
    expect(tunnelsText([], look)).toBe('no tunnels')
  })

  it('routes name the next hop', () => {
    expect(routesText(routes, look).split('\n')[1]).toBe('*  0/16  2001:db8:42::/64  0/16      re6stnet1  96')
  })

  it('numbers are short', () => {
    expect([0, 999, 1500, 150_000, 2_500_000_000].map(bytes)).toEqual(['0', '999', '1.5k', '150k', '2.5G'])
    expect([5, 150, 9000, 200_000].map(duration)).toEqual(['5 s', '3 min', '3 h', '2 d'])
  })
})
