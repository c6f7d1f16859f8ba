import { Re6stError } from '../../../core/errors.ts'
import { ROLES, type Role } from '../../../core/values/roles.ts'
import type { Store } from '../../database/store.ts'
import { type Actor, audit } from '../audit-log.ts'
import { hashPassword, isPassword, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from './password.ts'

/** An administrator, without the password. */
export interface Administrator {
  readonly name: string
  readonly role: Role
  /** When the password was set; Unix seconds. */
  readonly date: number
}

/** Whether who has one role may do what another may. */
export const mayDo = (has: Role, needed: Role): boolean => ROLES.indexOf(has) >= ROLES.indexOf(needed)

/** A name that is safe to print. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

export const administrators = (store: Store): Promise<Administrator[]> =>
  store.all<Administrator>('SELECT name, role, date FROM admin ORDER BY name')

/**
 * Adds an administrator, or gives another role or password: whoever was signed in under that name is no more.
 * @throws Re6stError `OPTION` for a name or password that is none
 */
export async function setAdministrator(
  store: Store,
  actor: Actor,
  { name, role, password }: { readonly name: string; readonly role: Role; readonly password: string },
  nowMs: number,
): Promise<void> {
  if (!NAME.test(name))
    throw new Re6stError('OPTION', `${JSON.stringify(name)}: a name has up to 64 letters, digits and . _ @ -`)
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH)
    throw new Re6stError('OPTION', `the password must have ${MIN_PASSWORD_LENGTH} characters at least`)
  const hash = await hashPassword(password)
  await store.write(async (writable) => {
    const [before] = await writable.all('SELECT 1 FROM admin WHERE name = ?', name)
    await writable.run(
      'INSERT INTO admin VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password, date = excluded.date',
      name,
      role,
      hash,
      Math.floor(nowMs / 1000),
    )
    await writable.run('DELETE FROM admin_session WHERE name = ?', name)
    await audit(
      writable,
      actor,
      { action: before ? 'admin.changed' : 'admin.added', subject: name, detail: { role } },
      nowMs,
    )
  })
}

/** Removes an administrator, who is not signed in any more. @throws Re6stError `NOT_FOUND` */
export async function removeAdministrator(
  store: Store,
  actor: Actor,
  name: string,
  nowMs: number,
): Promise<void> {
  await store.write(async (writable) => {
    if ((await writable.run('DELETE FROM admin WHERE name = ?', name)) === 0)
      throw new Re6stError('NOT_FOUND', `${name}: there is no such administrator`)
    await writable.run('DELETE FROM admin_session WHERE name = ?', name)
    await audit(writable, actor, { action: 'admin.removed', subject: name }, nowMs)
  })
}

/** Who it is that gives this name and password; undefined: nobody. It takes as long in both cases. */
export async function checkPassword(
  store: Store,
  name: string,
  password: string,
): Promise<Administrator | undefined> {
  const [row] = await store.all<Administrator & { readonly password: string }>(
    'SELECT * FROM admin WHERE name = ?',
    name,
  )
  if (!(await isPassword(password, row?.password)) || !row) return undefined
  return { name: row.name, role: row.role, date: row.date }
}
