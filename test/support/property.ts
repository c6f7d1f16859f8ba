import fc, { type Arbitrary } from 'fast-check'
import { test as vitestTest } from 'vitest'

export { fc }

/** A property test: `check` must hold for whatever the arbitraries make. Cheap runs, so that all stay in `npm test`. */
export function test<Values extends [unknown, ...unknown[]]>(
  name: string,
  ...rest: [...{ [K in keyof Values]: Arbitrary<Values[K]> }, (...values: Values) => void | Promise<void>]
): void {
  const check = rest.at(-1) as (...values: Values) => void | Promise<void>
  const arbitraries = rest.slice(0, -1) as unknown as { [K in keyof Values]: Arbitrary<Values[K]> }
  vitestTest(name, () =>
    fc.assert(
      fc.asyncProperty(...arbitraries, async (...values) => await check(...values)),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 200) },
    ),
  )
}
