import { jsonText } from '../../core/json-text.ts'
import type { AdminOptions } from '../../core/options/registry-admin-options.ts'
import { administrators, removeAdministrator, setAdministrator } from '../api/access/administrators.ts'
import { newPassword } from '../api/access/password.ts'
import { timeOf } from '../api/time.ts'
import { readSecret } from '../authority-key.ts'
import { columns } from './columns.ts'
import { commandActor, openOwnDatabase } from './own-database.ts'

/**
 * Runs `re6st-registry admin`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export async function runAdmin(options: AdminOptions): Promise<number> {
  await using store = await openOwnDatabase(options.database)
  const print = (value: unknown, text: string) => process.stdout.write(options.json ? jsonText(value) : text)
  switch (options.action) {
    case 'list': {
      const list = (await administrators(store)).map(({ date, ...rest }) => ({
        ...rest,
        since: timeOf(date),
      }))
      print(
        list,
        columns([
          ['NAME', 'MAY', 'SINCE', ''],
          ...list.map(({ name, role, since, isDisabled }) => [
            name,
            role,
            since,
            isDisabled ? 'disabled' : '',
          ]),
        ]),
      )
      return 0
    }
    case 'remove':
      await removeAdministrator(store, commandActor(), { name: options.name, mayBeLast: true }, Date.now())
      print({ removed: options.name }, `${options.name} is no administrator any more\n`)
      return 0
    case 'add': {
      const { name, role } = options
      const made = options.password ? undefined : newPassword()
      const password = made ?? (options.password ? readSecret('--password', options.password) : '')
      await setAdministrator(store, commandActor(), { name, role, password }, Date.now())
      print(
        { name, role, ...(made === undefined ? {} : { password: made }) },
        `${name} may ${role}${made === undefined ? '' : `; password, not shown again: ${made}`}\n`,
      )
      return 0
    }
  }
}
