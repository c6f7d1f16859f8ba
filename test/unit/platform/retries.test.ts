import { describe, expect, it } from 'vitest'
import { Retries } from '../../../src/platform/retries.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

type Name = 'one' | 'other'

/** Attempts that fail while that is wanted, and when each was made. */
function attempts({ signal = new AbortController().signal } = {}) {
  const clock = steppedClock()
  const failing = new Set<Name>()
  const made: [name: Name, atMs: number][] = []
  const retries: Retries<Name> = new Retries<Name>({
    ...{ clock, signal, limits: { minMs: 1_000, maxMs: 8_000 } },
    again: (names) => names.forEach(attempt),
  })
  async function work(name: Name): Promise<void> {
    made.push([name, clock.monotonicMs()])
    if (failing.has(name)) throw new Error(`${name} is stuck`)
  }
  function attempt(name: Name): void {
    retries.watch(name, work(name)).catch(() => {})
  }
  /** One that takes a while. */
  function attemptSlowly(name: Name, ms: number): void {
    retries
      .watch(
        name,
        clock.sleep(ms).then(() => work(name)),
      )
      .catch(() => {})
  }
  return { clock, failing, made, retries, attempt, attemptSlowly }
}

it('what works is not attempted again', async () => {
  const { clock, made, retries, attempt } = attempts()
  attempt('one')
  await clock.pass(60_000)
  expect([made, [...retries.reasons]]).toEqual([[['one', 0]], []])
})

it('who began an attempt hears what becomes of it', async () => {
  const { retries } = attempts()
  expect(await retries.watch('one', Promise.resolve(7))).toBe(7)
  await expect(retries.watch('one', Promise.reject(new Error('no')))).rejects.toThrow('no')
})

it('what fails is attempted again after longer and longer, until it works; then it says nothing more', async () => {
  const { clock, failing, made, retries, attempt } = attempts()
  failing.add('one')
  attempt('one')
  await clock.pass(30_000)
  expect(made.map(([, atMs]) => atMs)).toEqual([0, 1_000, 3_000, 7_000, 15_000, 23_000])
  expect([...retries.reasons]).toEqual([['one', 'one is stuck']])
  failing.clear()
  await clock.pass(60_000)
  expect(made.at(-1)).toEqual(['one', 31_000])
  expect(retries.reasons.size).toBe(0)
  failing.add('one')
  attempt('one')
  await clock.pass(1_000)
  expect(made.slice(-2).map(([, atMs]) => atMs)).toEqual([90_000, 91_000])
})

it('several that fail are attempted together, and what works meanwhile is left alone', async () => {
  const { clock, failing, made, retries, attempt } = attempts()
  failing.add('one').add('other')
  attempt('one')
  await clock.pass(500)
  attempt('other')
  await clock.pass(500)
  expect(made.slice(2)).toEqual([
    ['one', 1_000],
    ['other', 1_000],
  ])
  failing.delete('one')
  await clock.pass(20_000)
  expect(made.filter(([name]) => name === 'one')).toHaveLength(3)
  expect([...retries.reasons.keys()]).toEqual(['other'])
})

it('the attempt that was begun last counts, whichever ends last', async () => {
  const { clock, failing, made, retries, attempt, attemptSlowly } = attempts()
  attemptSlowly('one', 1_000)
  attempt('one')
  await clock.pass(500)
  failing.add('one')
  await clock.pass(60_000)
  expect(made.map(([, atMs]) => atMs)).toEqual([0, 1_000])
  expect(retries.reasons.size).toBe(0)
})

it('while something is attempted, it is not attempted again; why it failed before is known until it works', async () => {
  const { clock, failing, made, retries, attempt, attemptSlowly } = attempts()
  failing.add('one')
  attempt('one')
  await clock.pass(500)
  attemptSlowly('one', 30_000)
  failing.clear()
  await clock.pass(20_000)
  expect([made.length, [...retries.reasons]]).toEqual([1, [['one', 'one is stuck']]])
  await clock.pass(60_000)
  expect(made.map(([, atMs]) => atMs)).toEqual([0, 30_500])
  expect(retries.reasons.size).toBe(0)
})

it('what is due can be attempted at once; nothing is when nothing failed', async () => {
  const { clock, failing, made, retries, attempt } = attempts()
  retries.now()
  failing.add('one')
  attempt('one')
  await clock.pass(100)
  failing.clear()
  retries.now()
  await clock.pass(60_000)
  expect(made.map(([, atMs]) => atMs)).toEqual([0, 100])
})

it('what is not wanted any more is not attempted again, whatever becomes of it', async () => {
  const { clock, failing, made, retries, attempt, attemptSlowly } = attempts()
  failing.add('one').add('other')
  attempt('one')
  attemptSlowly('other', 500)
  await clock.pass(100)
  retries.forget('one')
  retries.forget('other')
  await clock.pass(60_000)
  expect([made.length, retries.reasons.size]).toEqual([2, 0])
})

describe('nothing is attempted again', () => {
  const untilEnd = async (
    { clock, failing, made, attempt, attemptSlowly }: ReturnType<typeof attempts>,
    end: () => void,
  ) => {
    failing.add('one').add('other')
    attempt('one')
    attemptSlowly('other', 500)
    await clock.pass(100)
    end()
    await clock.pass(60_000)
    expect(made.map(([name]) => name)).toEqual(['one', 'other'])
  }

  it('after the end, nor when what is under way fails then', async () => {
    const made = attempts()
    await untilEnd(made, () => made.retries[Symbol.dispose]())
  })

  it('once the signal is aborted', async () => {
    const stopping = new AbortController()
    await untilEnd(attempts({ signal: stopping.signal }), () => stopping.abort())
  })

  it('when the signal was aborted before', async () => {
    const { clock, failing, made, attempt } = attempts({ signal: AbortSignal.abort() })
    failing.add('one')
    attempt('one')
    await clock.pass(60_000)
    expect(made).toHaveLength(1)
  })
})
