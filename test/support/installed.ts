import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/**
 * What a test says of a program that it needs and that may be missing: for `skipIf`, and for the name of the test.
 * @param debianPackage the package that has it, where the name is another
 */
export function installed(program: string, debianPackage = program): { missing: boolean; note: string } {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']
  const missing = !directories.some((directory) => isExecutable(join(directory, program)))
  return {
    missing,
    note: missing ? ` (SKIPPED, ${program} is missing: apt-get install ${debianPackage})` : '',
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
