import { readFileSync } from 'node:fs'
import { fileTroubleOf, Re6stError } from '../core/errors.ts'

/** The text of a file that an option names. @throws Re6stError `FILE` when it cannot be read */
export function readNamedFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Re6stError('FILE', `${option} ${path}: cannot be read: ${fileTroubleOf(error)}`, {
      cause: error,
    })
  }
}
