import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { CleanUp } from '../../platform/clean-up.ts'
import { copyTo } from './beside.ts'
import { openStore } from './open-store.ts'
import type { Queries } from './queries.ts'
import { openExisting } from './snapshot.ts'
import type { Store } from './store.ts'

/**
 * Reads a file of SQLite with all our tables, which are made in a copy: the file is not changed. In one of the Python implementation
 * they are missing; a registry that gets rows of `cert` without them knows none of its machines.
 * @throws Re6stError `FILE` when it cannot be read or copied; what `read` throws
 */
export async function readMigratedCopy(file: string, read: (copy: Queries) => Promise<void>): Promise<void> {
  await using stack = new CleanUp()
  const directory = await mkdtemp(join(tmpdir(), 're6st-copy-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  await read(stack.use(await migratedCopy(file, directory)))
}

async function migratedCopy(file: string, directory: string): Promise<Store> {
  const opened = openExisting({ database: file, option: '' })
  try {
    const copy = join(directory, 'registry.db')
    copyTo(opened, copy)
    return await openStore(copy)
  } catch (error) {
    throw new Re6stError(
      'FILE',
      `${file}: cannot be read by way of a copy in ${tmpdir()} (TMPDIR): ${messageOf(error)}`,
      { cause: error },
    )
  } finally {
    opened.close()
  }
}
