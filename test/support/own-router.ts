import { TEST_ROUTER } from '../../lab/re6st-node.ts'

/**
 * What a test of something that babeld cannot do says where scenarios are run with that: for `skipIf`, and for the name of the
 * test.
 * @param reason why it is for our own router only
 */
export function ownRouterOnly(reason: string): { skipped: boolean; note: string } {
  const skipped = TEST_ROUTER !== 're6st'
  return { skipped, note: skipped ? ` (SKIPPED with ${TEST_ROUTER}: ${reason})` : '' }
}
