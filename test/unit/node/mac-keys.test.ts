import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { macKeysOf } from '../../../src/core/babel/configuration.ts'
import { MacKeys } from '../../../src/node/mac-keys.ts'
import type { RouterKeys } from '../../../src/node/routing/router.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const keys = (sign: number, accept?: number): RouterKeys => ({
  sign: Buffer.alloc(16, sign),
  accept: accept === undefined ? undefined : Buffer.alloc(16, accept),
})

function node({ helloMs = 4_000, hasNeighbours = true } = {}) {
  const clock = steppedClock()
  /** What a router with one key has had. */
  const set: RouterKeys[] = []
  let has = macKeysOf(keys(1))
  const trouble = { isThere: false, tries: 0 }
  let used = 0
  const setKeys = async (next: RouterKeys) => {
    trouble.tries++
    if (trouble.isThere) throw new Error('out of memory')
    has = macKeysOf(next)
    const { sign, accept } = next
    if (!isDeepStrictEqual({ sign, accept }, set.at(-1) ?? keys(1))) set.push({ sign, accept })
  }
  const macKeys = new MacKeys(
    {
      ...{ router: { setKeys }, clock, log: silentLog },
      ...{ helloIntervalMs: () => helloMs, hasNeighbours: () => hasNeighbours, onUsed: () => used++ },
    },
    keys(1),
  )
  return { clock, set, macKeys, trouble, has: () => has, used: () => used }
}

/** How long a Python node is away that begins anew, at hello 4. */
const PYTHON_RESTART_MS = 23_000

describe('a version with other keys', () => {
  it('is used by all nodes at the same time after it was seen, whenever they had it', async () => {
    const { clock, set, macKeys } = node()
    await clock.pass(1_200)
    macKeys.change(keys(2), { newestMs: 0, previousMs: undefined })
    await clock.pass(4_700)
    expect(set).toEqual([])
    expect(macKeys.inUse.sign).toEqual(keys(1).sign)
    await clock.pass(200)
    expect([set, macKeys.inUse]).toEqual([[keys(2)], keys(2)])
  })

  it('is waited for as long as a hello interval, and not for ever', async () => {
    for (const [helloMs, atMs] of [
      [10_000, 10_000],
      [60_000, 15_000],
    ] as const) {
      const { clock, set, macKeys } = node({ helloMs })
      macKeys.change(keys(2), { newestMs: 0, previousMs: undefined })
      await clock.pass(atMs - 200)
      expect(set).toEqual([])
      await clock.pass(300)
      expect(set).toEqual([keys(2)])
    }
  })

  it('is used at once by a node that has nobody to change with', () => {
    const { set, macKeys } = node({ hasNeighbours: false })
    macKeys.change(keys(2), { newestMs: 0, previousMs: undefined })
    expect(set).toEqual([keys(2)])
  })

  it('changes nothing when its keys are those in use', async () => {
    const { clock, set, macKeys } = node()
    macKeys.change(keys(1), { newestMs: 0, previousMs: undefined })
    await clock.pass(60_000)
    expect(set).toEqual([])
  })
})

describe('keys that the router cannot be given', () => {
  it('are told of, and given again until it has them', async () => {
    const { clock, set, macKeys, trouble, used } = node({ hasNeighbours: false })
    trouble.isThere = true
    macKeys.change(keys(2), { newestMs: 0, previousMs: undefined })
    await clock.pass(500)
    expect([macKeys.failure, used()]).toEqual(['out of memory', 0])
    await clock.pass(10 * 60_000)
    expect(trouble.tries).toBeGreaterThan(10)
    expect(trouble.tries).toBeLessThan(20)
    trouble.isThere = false
    await clock.pass(60_000)
    expect([set, macKeys.failure, used()]).toEqual([[keys(2)], undefined, 1])
    const { tries } = trouble
    await clock.pass(3600_000)
    expect(trouble.tries).toBe(tries)
  })

  it('are given with those that come later, and not after the end of the node', async () => {
    const { clock, set, macKeys, trouble } = node({ hasNeighbours: false })
    trouble.isThere = true
    macKeys.change(keys(2), { newestMs: 0, previousMs: undefined })
    await clock.pass(100)
    trouble.isThere = false
    macKeys.change(keys(3), { newestMs: 100, previousMs: undefined })
    await clock.pass(1_000)
    expect([set, macKeys.failure]).toEqual([[keys(3)], undefined])
    trouble.isThere = true
    macKeys.change(keys(4), { newestMs: 1_000, previousMs: undefined })
    await clock.pass(100)
    macKeys[Symbol.dispose]()
    trouble.isThere = false
    await clock.pass(3600_000)
    expect(set.at(-1)).toEqual(keys(3))
  })
})

describe('versions in quick succession', () => {
  it.each([1_000, 5_000, 20_000])(
    'nodes that restart for the first are back, with its keys, before those of the second are used: %i ms apart',
    async (apartMs) => {
      for (const hasNeighbours of [true, false]) {
        const { clock, set, macKeys } = node({ hasNeighbours })
        await clock.pass(apartMs)
        macKeys.change(keys(2), { newestMs: apartMs, previousMs: 0 })
        await clock.pass(PYTHON_RESTART_MS - apartMs)
        expect(set).toEqual([])
        await clock.pass(10_000)
        expect(set).toEqual([keys(2)])
      }
    },
  )

  it('nothing is waited for when the one before is long ago', async () => {
    const { clock, set, macKeys } = node()
    await clock.pass(120_000)
    macKeys.change(keys(2), { newestMs: 120_000, previousMs: 0 })
    await clock.pass(6_100)
    expect(set).toEqual([keys(2)])
  })

  it('all of them are used in their order, also when the last one comes before the first is due', async () => {
    const { clock, set, macKeys } = node()
    // Each updateHMAC is a step of the rotation; there are three for each new key.
    const steps = [keys(1, 2), keys(2, 1), keys(2), keys(2, 3), keys(3, 2), keys(3)]
    for (const [index, step] of steps.entries()) {
      const newestMs = clock.monotonicMs()
      macKeys.change(step, { newestMs, previousMs: index > 0 ? newestMs - 4_000 : undefined })
      await clock.pass(4_000)
    }
    expect(set).toEqual([keys(1, 2)])
    await clock.pass(60_000)
    expect(set).toEqual(steps)
  })

  it('two nodes of which one has not fetched each version change nearly together', async () => {
    const [one, other] = [node(), node()]
    one.macKeys.change(keys(2, 1), { newestMs: 1_000, previousMs: 0 })
    one.macKeys.change(keys(2), { newestMs: 2_000, previousMs: 1_000 })
    other.macKeys.change(keys(2), { newestMs: 2_000, previousMs: 1_000 })
    const signs = ({ macKeys }: typeof one) => macKeys.inUse.sign?.[0]
    let apartMs = 0
    for (let ms = 0; ms < 60_000; ms += 100) {
      await Promise.all([one.clock.pass(100), other.clock.pass(100)])
      if (signs(one) !== signs(other)) apartMs += 100
    }
    expect([signs(one), signs(other)]).toEqual([2, 2])
    expect(apartMs).toBeLessThanOrEqual(1_000)
  })
})

describe('a router that can have several keys', () => {
  const numbersOf = ({ has }: ReturnType<typeof node>): (number | undefined)[] =>
    has().sign.map(({ key }) => key[0])

  it('has the new ones at once, beside the old ones until all others have changed, and accepts nothing unsigned', async () => {
    const made = node()
    const { clock, macKeys, has } = made
    macKeys.change(keys(1, 2), { newestMs: 0, previousMs: undefined })
    macKeys.change(keys(2, 1), { newestMs: 0, previousMs: 0 })
    macKeys.change(keys(2), { newestMs: 0, previousMs: 0 })
    await clock.pass(0)
    expect(numbersOf(made)).toEqual([1, 2])
    expect(has().accept).toEqual(has().sign)
    expect(macKeysOf(macKeys.inUse)).toEqual(has())
    await clock.pass(60_000)
    expect(numbersOf(made)).toEqual([2])
  })

  it('signs as soon as a network turns authentication on, and accepts anything until all others do', async () => {
    const made = node()
    const off: RouterKeys = { sign: undefined, accept: undefined }
    made.macKeys.change(off, { newestMs: 0, previousMs: undefined })
    await made.clock.pass(30_000)
    expect(made.has()).toEqual({ sign: [], accept: 'anything' })
    made.macKeys.change({ ...keys(3), accept: 'anything' }, { newestMs: 30_000, previousMs: undefined })
    await made.clock.pass(0)
    expect(numbersOf(made)).toEqual([3])
    expect(made.has().accept).toBe('anything')
  })

  it('always shares one with who has heard of any of three quick steps, or of none', async () => {
    const steps = [keys(1, 2), keys(2, 1), keys(2)]
    /** When each of these hears of each step; the last one of none, for longer than any call of the registry takes. */
    const heardAtMs = [
      [0, 2_000, 4_000],
      [1_000, 5_000, 5_000],
      [4_500, 4_500, 4_500],
      [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 8_000],
    ]
    const nodes = heardAtMs.map(() => node())
    for (let ms = 0; ms <= 60_000; ms += 500) {
      for (const [at, { macKeys }] of nodes.entries())
        for (const [step, heardMs] of (heardAtMs[at] ?? []).entries())
          if (heardMs === ms)
            macKeys.change(steps[step] as RouterKeys, {
              newestMs: 2_000 * step,
              previousMs: step > 0 ? 2_000 * (step - 1) : undefined,
            })
      await Promise.all(nodes.map(({ clock }) => clock.pass(0)))
      const sets = nodes.map(numbersOf)
      for (const one of sets)
        for (const other of sets)
          expect(
            one.some((key) => other.includes(key)),
            `${ms} ms`,
          ).toBe(true)
      await Promise.all(nodes.map(({ clock }) => clock.pass(500)))
    }
    expect(nodes.map(numbersOf)).toEqual(nodes.map(() => [2]))
  })
})
