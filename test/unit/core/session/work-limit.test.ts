import { describe, expect, it } from 'vitest'
import { PeerWorkLimit, WorkLimit } from '../../../../src/core/session/work-limit.ts'
import { TokenBucket } from '../../../../src/core/token-bucket.ts'

const RATES = { perSecond: 10, msPerSecond: 20 }

/** Work that takes so long, by a stopwatch that only work moves. */
function timed() {
  let usedMs = 0
  return {
    stopwatchMs: () => usedMs,
    work: (ms: number) => () => {
      usedMs += ms
    },
  }
}

describe('work', () => {
  it('is limited by its number', () => {
    const limit = new WorkLimit(RATES, () => 0)
    const taken = Array.from({ length: 20 }, () => limit.take(0))
    expect(taken.filter(Boolean)).toHaveLength(10)
    expect(limit.take(100)).toBe(true)
    expect(limit.take(100)).toBe(false)
  })

  it('is limited by the time that it takes, for as long as that is over what there is', () => {
    const { stopwatchMs, work } = timed()
    const limit = new WorkLimit(RATES, stopwatchMs)
    expect(limit.take(0)).toBe(true)
    limit.spend(work(140)) // 100 ms there were
    expect([limit.take(1_900), limit.take(2_100)]).toEqual([false, true])
  })

  it('counts when it fails, and costs no more than ten seconds of waiting', () => {
    const { stopwatchMs, work } = timed()
    const limit = new WorkLimit(RATES, stopwatchMs)
    limit.take(0)
    expect(() =>
      limit.spend(() => {
        work(60_000)()
        throw new Error('a key that cannot be used')
      }),
    ).toThrow('a key that cannot be used')
    expect([limit.take(9_900), limit.take(10_100)]).toEqual([false, true])
  })
})

it('a peer has a little of its own beside what there is for all, and no more', () => {
  const limit = new PeerWorkLimit(RATES, () => 0)
  const loud = new TokenBucket(0, 0)
  while (limit.take(loud, 0));
  const own = new TokenBucket(1, 2)
  expect([limit.take(own, 0), limit.take(own, 0), limit.take(own, 0)].map(Boolean)).toEqual([
    true,
    true,
    false,
  ])
})

it('what each has of its own is limited, too, in all', () => {
  const limit = new PeerWorkLimit(RATES, () => 0)
  const peers = Array.from({ length: 100 }, () => new TokenBucket(1, 1))
  expect(peers.filter((own) => limit.take(own, 0))).toHaveLength(20)
})
