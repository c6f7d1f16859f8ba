import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Re6stError } from '../../core/errors.ts'
import type { Actor } from '../api/audit-log.ts'
import { isPostgresUrl, openStore } from '../database/open-store.ts'
import type { Store } from '../database/store.ts'
import { isOfStandby } from '../standby/role.ts'

/** Opens the database of a registry, which may be running. @throws Re6stError `FILE` when there is none */
export async function openOwnDatabase(path: string): Promise<Store> {
  if (!isPostgresUrl(path) && !existsSync(path))
    throw new Re6stError(
      'FILE',
      `--db ${path}: there is no database: start the registry once, or name another`,
    )
  if (!isPostgresUrl(path)) refuseStandby(path)
  return openStore(path)
}

/** @throws Re6stError `CONFLICT` for what only the primary changes */
export function refuseStandby(path: string): void {
  if (isOfStandby(path))
    throw new Re6stError(
      'CONFLICT',
      `--db ${path}: is that of a standby, which has what the primary has: say this on the machine of the primary`,
    )
}

/** Whom what a command does is put down to. */
export const commandActor = (): Actor => ({
  name: `command:${process.env['SUDO_USER'] ?? userInfo().username}`,
  from: undefined,
})
