import { Re6stError } from '../core/errors.ts'
import type { Re6stOptions } from '../core/options/re6st-options.ts'

/**
 * Runs `re6st`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runRe6st({ command, controlSocket }: Re6stOptions): Promise<number> {
  throw new Re6stError('SYSTEM', `${command}: ${controlSocket} cannot be asked yet in this version`)
}
