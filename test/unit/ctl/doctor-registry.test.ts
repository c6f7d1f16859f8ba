import { expect, it } from 'vitest'
import { whyDisowned } from '../../../src/ctl/doctor/registry.ts'

const GONE = 'it knows none with this prefix'

it.each([
  ['a node that does not run', undefined, [GONE, 1]],
  ['one that was told that it is revoked', { revoked: true, lastError: null }, ['it is revoked', 0]],
  // Whoever is shut out gets no configuration any more that says so.
  ['one whose last question failed', { revoked: false, lastError: 'it knows no certificate' }, [GONE, 1]],
  ['one that gets answers keeps its session', { revoked: false, lastError: null }, [undefined, 0]],
] as const)('whether the registry accepts a node: %s', async (_, node, expected) => {
  let questions = 0
  const why = await whyDisowned(
    node && { certificate: { revoked: node.revoked }, registry: { lastError: node.lastError } },
    async () => {
      questions++
      return GONE
    },
  )
  expect([why, questions]).toEqual(expected)
})
