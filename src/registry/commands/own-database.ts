import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Re6stError } from '../../core/errors.ts'
import type { Actor } from '../api/audit-log.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import type { Store } from '../database/store.ts'

/** Opens the database of a registry, which may be running. @throws Re6stError `FILE` when there is none */
export async function openOwnDatabase(path: string): Promise<Store> {
  if (!isPostgresUrl(path) && !existsSync(path))
    throw new Re6stError(
      'FILE',
      `--db ${path}: there is no database: start the registry once, or name another`,
    )
  return openStore(path)
}

/** Whom what a command does is put down to. */
export const commandActor = (): Actor => ({
  name: `command:${process.env['SUDO_USER'] ?? userInfo().username}`,
  from: undefined,
})
