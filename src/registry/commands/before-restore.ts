import { existsSync } from 'node:fs'
import { DATABASE_ENDINGS } from '../../platform/database-files.ts'
import { isSameFile } from '../database/copy.ts'

/** Names for what was there before a restore, which is no other's place: the first may be the only one that is whole. */
function* namesAfter(path: string): Generator<string, never> {
  const first = `${path}.before-restore`
  yield first
  for (let number = 2; ; number++) yield `${first}.${number}`
}

/** @param exchanged what is restored: if it is one of those before, both change places */
export function nameForBefore(path: string, exchanged?: string): string {
  for (const name of namesAfter(path)) {
    const isFree = DATABASE_ENDINGS.every((ending) => !existsSync(`${name}${ending}`))
    if (isFree || (exchanged !== undefined && isSameFile(name, exchanged))) return name
  }
  throw new Error('there is always another name')
}

/** The latest that there is. */
export function lastBefore(path: string): string | undefined {
  let last: string | undefined
  for (const name of namesAfter(path)) {
    if (!existsSync(name)) return last
    last = name
  }
  return last
}
