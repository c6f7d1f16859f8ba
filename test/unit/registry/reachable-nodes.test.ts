import { expect, it } from 'vitest'
import { type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { sharedReachableNodes } from '../../../src/registry/reachable-nodes.ts'
import { silentLog } from '../../support/silent-log.ts'

const [FIRST, SECOND] = ['00', '01'].map(prefixOfBits) as [Prefix, Prefix]

/** Routes that are read when the test says, by a clock that it sets. */
function shared() {
  const state = { nowMs: 0, read: 0, list: async (): Promise<Prefix[]> => [FIRST] }
  const warnings: unknown[] = []
  const nodes = sharedReachableNodes(
    {
      list() {
        state.read++
        return state.list()
      },
    },
    {
      clock: { monotonicMs: () => state.nowMs },
      log: { ...silentLog, warn: (fields: unknown) => warnings.push(fields) } as typeof silentLog,
    },
  )
  return { state, nodes, warnings }
}

it('of all who ask within a second, one has the routes read', async () => {
  const { state, nodes } = shared()
  const asked = Array.from({ length: 1_000 }, () => nodes.list())
  state.nowMs = 999
  expect(await nodes.list()).toEqual([FIRST])
  expect(new Set((await Promise.all(asked)).flat())).toEqual(new Set([FIRST]))
  expect(state.read).toBe(1)
  state.nowMs = 1_000
  state.list = async () => [SECOND]
  expect(await nodes.list()).toEqual([SECOND])
  expect(state.read).toBe(2)
})

it('where they cannot be read, the last ones that could are given, and the log hears of it once', async () => {
  const { state, nodes, warnings } = shared()
  await nodes.list()
  state.list = () => Promise.reject(new Error('no memory'))
  for (let second = 1; second <= 20; second++) {
    state.nowMs = 1_000 * second
    expect(await nodes.list()).toEqual([FIRST])
  }
  expect(warnings).toHaveLength(1)
})
