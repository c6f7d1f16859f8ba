import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

/** Makes much that lives for a while, as calls do, and says how much room V8 has for what is new. */
const LOAD = (program: string) => `
  import { getHeapSpaceStatistics } from 'node:v8'
  ${program}
  const alive = []
  for (let round = 0; round < 100; round++) {
    for (let count = 0; count < 200; count++) alive[(round * 200 + count) % 15_000] = Array.from({ length: 200 }, Math.random)
    await new Promise((resolve) => setImmediate(resolve))
  }
  console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size)
`
const youngBytes = (program: string): number =>
  Number(
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', LOAD(program)], {
      encoding: 'utf8',
    }),
  )

describe('a heap that is kept small', () => {
  it('has a fraction of the room for what is new that V8 would take', () => {
    const small = youngBytes("import { keepHeapSmall } from './src/platform/small-heap.ts'\nkeepHeapSmall()")
    expect(small).toBeLessThanOrEqual(16 << 20)
    expect(youngBytes('')).toBeGreaterThan(small)
  })
})
