import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

/**
 * Makes much that lives for a while, as calls do, and says how much room V8 has for what is new.
 * @param atOnce how many are made in one turn of the event loop
 */
const LOAD = (program: string, atOnce: number) => `
  import { getHeapSpaceStatistics } from 'node:v8'
  ${program}
  const alive = []
  for (let count = 0; count < 20_000; count++) {
    alive[count % 15_000] = Array.from({ length: 200 }, Math.random)
    if (count % ${atOnce} === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size)
`
/** @param flags of V8 */
const youngBytes = (program: string, atOnce = 200, flags: readonly string[] = []): number =>
  Number(
    execFileSync(
      process.execPath,
      [...flags, '--import', 'tsx', '--input-type=module', '--eval', LOAD(program, atOnce)],
      {
        encoding: 'utf8',
        timeout: 30_000,
      },
    ),
  )

describe('a heap that is kept small', () => {
  it('has a fraction of the room for what is new that V8 would take', () => {
    const small = youngBytes("import { keepHeapSmall } from './src/platform/small-heap.ts'\nkeepHeapSmall()")
    expect(small).toBeLessThanOrEqual(8 << 20)
    expect(youngBytes('')).toBeGreaterThan(small)
  })

  it('has no more of it after a turn of the event loop in which there was much to do', () => {
    const small = "import { keepHeapSmall } from './src/platform/small-heap.ts'\nkeepHeapSmall()"
    expect(youngBytes(small, 20_000)).toBeLessThanOrEqual(8 << 20)
  })

  it('stays small where V8 allows less than that, and the process ends', () => {
    const small = "import { keepHeapSmall } from './src/platform/small-heap.ts'\nkeepHeapSmall()"
    expect(youngBytes(small, 200, ['--max-semi-space-size=1'])).toBeLessThan(8 << 20)
  })
})
