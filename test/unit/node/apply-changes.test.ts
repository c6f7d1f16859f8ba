import { describe, expect, it } from 'vitest'
import type { NetworkChange } from '../../../src/core/config/changes.ts'
import type { NetworkConfig } from '../../../src/core/config/network-config.ts'
import { AppliedChanges, type ChangeableParts } from '../../../src/node/apply-changes.ts'
import type { VersionsSeen } from '../../../src/node/mac-keys.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

/** Parts that write down what is done to them. */
function recording() {
  const done: string[] = []
  const failing = new Set<string>()
  const clock = steppedClock()
  const stopping = new AbortController()
  const macKeys = {
    change: (_: unknown, { newestMs }: VersionsSeen) => void done.push(`keys of ${newestMs}`),
    failure: undefined as string | undefined,
  }
  const ipv4Trouble = { isToBeDoneAgain: false, failure: undefined as string | undefined }
  const doing = (what: string) => async () => {
    done.push(what)
    if (failing.has(what)) throw new Error(`${what}: out of memory`)
  }
  const parts = {
    router: { reconfigure: doing('reconfigure') },
    macKeys,
    revocation: { end: () => void done.push('end revoked') },
    transport: { configure: () => void done.push('transport') },
    nodeIpv4: Object.assign(ipv4Trouble, {
      apply: (ipv4: NetworkConfig['ipv4']) => doing(ipv4 ? `ipv4 ${ipv4.range}` : 'ipv4')(),
    }),
    forwarding: { setServers: () => void done.push('forwarding') },
    renewal: { lookNow: () => {} },
    settings: { transport: {}, servers: [], places: [] },
    advertisement: { serversChanged: () => void done.push('advertise') },
    tunnels: { servers: { restart: doing('restart servers'), provide: doing('provide servers') } },
    configureTunnels: () => void done.push('tunnels'),
    routerSettings: () => ({}),
    versionsSeen: () => ({ newestMs: 7, previousMs: undefined }),
    log: silentLog,
    clock,
    signal: stopping.signal,
  } as unknown as ChangeableParts
  return { done, failing, clock, stopping, macKeys, ipv4Trouble, applied: new AppliedChanges(parts) }
}

it.each<[NetworkChange, string[]]>([
  [{ kind: 'mac-keys' }, ['keys of 7']],
  [{ kind: 'revoked' }, ['end revoked']],
  [{ kind: 'encryption' }, ['restart servers']],
  [{ kind: 'tunnel-limits' }, ['tunnels', 'advertise', 'forwarding', 'provide servers']],
  [{ kind: 'registry-node' }, ['tunnels']],
  [{ kind: 'ipv4-payload' }, ['ipv4', 'reconfigure']],
  [{ kind: 'protocol' }, []],
])('$kind is taken into effect, and nothing else', async (change, expected) => {
  const { done, applied, clock } = recording()
  applied.apply({} as NetworkConfig, [change])
  await clock.pass(3600_000)
  expect(done).toEqual(['transport', ...expected])
  expect(applied.failure).toBeUndefined()
})

describe('what cannot be taken into effect', () => {
  const count = (done: readonly string[], what: string) => done.filter((one) => one === what).length

  it('is told of, and done again with longer pauses until it works; what worked is left alone', async () => {
    const { done, failing, applied, clock } = recording()
    failing.add('restart servers')
    applied.apply({} as NetworkConfig, [{ kind: 'encryption' }, { kind: 'routing-timers' }])
    await clock.pass(500)
    expect(applied.failure).toBe('encryption of tunnels: restart servers: out of memory')
    await clock.pass(10 * 60_000)
    expect(count(done, 'restart servers')).toBeGreaterThan(10)
    expect(count(done, 'restart servers')).toBeLessThan(20)
    failing.clear()
    await clock.pass(60_000)
    expect(applied.failure).toBeUndefined()
    const before = [...done]
    await clock.pass(3600_000)
    expect(done).toEqual(before)
    expect(count(done, 'reconfigure')).toBe(1)
  })

  it('is done as the newest configuration wants it, and soon after another failure, too', async () => {
    const { done, failing, applied, clock } = recording()
    const config = (range: string) => ({ ipv4: { range, subnetBits: 8 } }) as NetworkConfig
    failing.add('reconfigure')
    applied.apply(config('10.1.0.0/16'), [{ kind: 'ipv4-payload' }])
    await clock.pass(500)
    applied.apply(config('10.2.0.0/16'), [{ kind: 'encryption' }])
    failing.clear()
    await clock.pass(1_000)
    expect(done.filter((one) => one.startsWith('ipv4'))).toEqual(['ipv4 10.1.0.0/16', 'ipv4 10.2.0.0/16'])
    expect(applied.failure).toBeUndefined()
  })

  it('is told of together with keys that the router does not have', async () => {
    const { failing, macKeys, applied, clock } = recording()
    macKeys.failure = 'out of memory'
    expect(applied.failure).toBe('MAC keys: out of memory')
    failing.add('reconfigure')
    applied.apply({} as NetworkConfig, [{ kind: 'routing-timers' }])
    await clock.pass(500)
    expect(applied.failure).toBe('intervals of routing: reconfigure: out of memory; MAC keys: out of memory')
  })

  it('at the start, of IPv4, is done again until it works, and then announced', async () => {
    const { done, failing, ipv4Trouble, applied, clock } = recording()
    const config = { ipv4: { range: '10.1.0.0/16', subnetBits: 8 } } as NetworkConfig
    applied.started(config)
    await clock.pass(60_000)
    expect(done).toEqual([])
    Object.assign(ipv4Trouble, { isToBeDoneAgain: true, failure: 'no IPv4 payload: out of memory' })
    failing.add('ipv4 10.1.0.0/16')
    applied.started(config)
    await clock.pass(2_000)
    expect(new Set(done)).toEqual(new Set(['ipv4 10.1.0.0/16', 'reconfigure']))
    // It is told of once, by the node's IPv4.
    expect(applied.failure).toBeUndefined()
    failing.clear()
    await clock.pass(2_000)
    expect(done.slice(-2)).toEqual(['ipv4 10.1.0.0/16', 'reconfigure'])
    const before = done.length
    await clock.pass(3600_000)
    expect(done).toHaveLength(before)
  })

  it('is not done again when the node stops', async () => {
    const { done, failing, applied, clock, stopping } = recording()
    failing.add('restart servers')
    applied.apply({} as NetworkConfig, [{ kind: 'encryption' }])
    await clock.pass(500)
    stopping.abort()
    await clock.pass(3600_000)
    expect(count(done, 'restart servers')).toBe(1)
  })
})
