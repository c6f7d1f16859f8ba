import { readFileSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { Re6stError, readTroubleOf } from '../core/errors.ts'

/** The text of a file that an option names. @throws Re6stError `FILE` when it cannot be read */
export function readNamedFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const trouble = readTroubleOf(error, isAbsolute(path) ? undefined : process.cwd())
    throw new Re6stError('FILE', `${option} ${path}: cannot be read: ${trouble}`, { cause: error })
  }
}
