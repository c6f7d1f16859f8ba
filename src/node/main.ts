import { Re6stError } from '../core/errors.ts'
import type { NodeOptions } from '../core/options/node-options.ts'

/**
 * Runs a node until it is stopped.
 * @returns the exit status
 * @throws Re6stError when it cannot start, or cannot go on
 */
export async function runNode({ registry }: NodeOptions): Promise<number> {
  throw new Re6stError('SYSTEM', `the node of ${registry.href} cannot be started yet in this version`)
}
