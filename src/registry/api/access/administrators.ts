import { Re6stError } from '../../../core/errors.ts'
import { ROLES, type Role } from '../../../core/values/roles.ts'
import type { Queries } from '../../database/queries.ts'
import type { Store, Write } from '../../database/store.ts'
import { type Actor, audit } from '../audit-log.ts'
import { hashPassword, isPassword, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from './password.ts'

/** An administrator, without the password. */
export interface Administrator {
  readonly name: string
  readonly role: Role
  /** When the password was set; Unix seconds. */
  readonly date: number
  readonly isDisabled: boolean
}

interface AdministratorRow extends Omit<Administrator, 'isDisabled'> {
  readonly disabled: number
}

const asAdministrator = ({ name, role, date, disabled }: AdministratorRow): Administrator => ({
  ...{ name, role, date },
  isDisabled: Number(disabled) !== 0,
})

/** Whether who has one role may do what another may. */
export const mayDo = (has: Role, needed: Role): boolean => ROLES.indexOf(has) >= ROLES.indexOf(needed)

/** A name that is safe to print. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/

export const administrators = async (store: Store): Promise<Administrator[]> =>
  (await store.all<AdministratorRow>('SELECT name, role, date, disabled FROM admin ORDER BY name')).map(
    asAdministrator,
  )

/** Who is to be an administrator. */
interface WantedAdministrator {
  readonly name: string
  readonly role: Role
  readonly password: string
  readonly isNew?: boolean
}

/**
 * Adds an administrator, or gives another role and password, which also enables: whoever was signed in under that name is no
 * more.
 * @throws Re6stError `OPTION` for a name or password that is none, `CONFLICT` for one that is there although it is to be new
 */
export async function setAdministrator(
  store: Store,
  actor: Actor,
  wanted: WantedAdministrator,
  nowMs: number,
): Promise<void> {
  await store.write(await administratorWrite(actor, wanted, nowMs))
}

/** The same, to be written with more. @throws Re6stError `OPTION` for a name or password that is none */
export async function administratorWrite(
  actor: Actor,
  { name, role, password, isNew = false }: WantedAdministrator,
  nowMs: number,
): Promise<Write<void>> {
  if (!NAME.test(name))
    throw new Re6stError('OPTION', `${JSON.stringify(name)}: a name has up to 64 letters, digits and . _ @ -`)
  const hash = await hashOf(password)
  return async (writable) => {
    const [before] = await writable.all('SELECT 1 FROM admin WHERE name = ?', name)
    if (before && isNew) throw new Re6stError('CONFLICT', `${name}: there is such an administrator already`)
    await writable.run(
      'INSERT INTO admin (name, role, password, date) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET role = excluded.role, password = excluded.password, date = excluded.date, disabled = 0',
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
  }
}

/** @throws Re6stError `OPTION` for a password that is none */
function hashOf(password: string): Promise<string> {
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH)
    throw new Re6stError('OPTION', `the password must have ${MIN_PASSWORD_LENGTH} characters at least`)
  return hashPassword(password)
}

/**
 * Gives another password to an administrator, who stays what he is: whoever was signed in under that name is no more.
 * @throws Re6stError `OPTION` for a password that is none, `NOT_FOUND`
 */
export async function setPassword(
  store: Store,
  actor: Actor,
  { name, password }: Pick<WantedAdministrator, 'name' | 'password'>,
  nowMs: number,
): Promise<Role> {
  const hash = await hashOf(password)
  return store.write(async (writable) => {
    const before = await administrator(writable, name)
    if (!before) throw noSuch(name)
    await writable.run(
      'UPDATE admin SET password = ?, date = ? WHERE name = ?',
      ...[hash, Math.floor(nowMs / 1000), name],
    )
    await writable.run('DELETE FROM admin_session WHERE name = ?', name)
    const detail = { role: before.role }
    await audit(writable, actor, { action: 'admin.changed', subject: name, detail }, nowMs)
    return before.role
  })
}

/** What of an administrator is to be another. */
interface AdministratorChange {
  readonly role?: Role
  readonly isDisabled?: boolean
}

/**
 * Gives another role, disables or enables: whoever was signed in under that name is no more.
 * @throws Re6stError `NOT_FOUND`; `CONFLICT` when nobody would be left who may administer
 */
export async function changeAdministrator(
  store: Store,
  actor: Actor,
  { name, ...change }: AdministratorChange & { readonly name: string },
  nowMs: number,
): Promise<void> {
  await store.write(async (writable) => {
    const before = await administrator(writable, name)
    if (!before) throw noSuch(name)
    const { role, isDisabled } = { ...before, ...change }
    await writable.run(
      'UPDATE admin SET role = ?, disabled = ? WHERE name = ?',
      ...[role, isDisabled ? 1 : 0, name],
    )
    await refuseIfLast(writable, before)
    await writable.run('DELETE FROM admin_session WHERE name = ?', name)
    const detail = { role, isDisabled }
    await audit(writable, actor, { action: 'admin.changed', subject: name, detail }, nowMs)
  })
}

/**
 * Removes an administrator, who is not signed in any more.
 * @param mayBeLast whether nobody may be left who may administer: by a command, that another can be added by
 * @throws Re6stError `NOT_FOUND`; `CONFLICT` when it is the last who may administer
 */
export async function removeAdministrator(
  store: Store,
  actor: Actor,
  { name, mayBeLast }: { readonly name: string; readonly mayBeLast: boolean },
  nowMs: number,
): Promise<void> {
  await store.write(async (writable) => {
    const before = await administrator(writable, name)
    if (!before) throw noSuch(name)
    await writable.run('DELETE FROM admin WHERE name = ?', name)
    if (!mayBeLast) await refuseIfLast(writable, before)
    await writable.run('DELETE FROM admin_session WHERE name = ?', name)
    await audit(writable, actor, { action: 'admin.removed', subject: name }, nowMs)
  })
}

/** An administrator by name, if there is one. */
export async function administrator(queries: Queries, name: string): Promise<Administrator | undefined> {
  const [row] = await queries.all<AdministratorRow>(
    'SELECT name, role, date, disabled FROM admin WHERE name = ?',
    name,
  )
  return row && asAdministrator(row)
}

/** Whether an administrator is as it was read before. Call it in the transaction that rests on it. */
export async function isStill(writable: Queries, before: Administrator): Promise<boolean> {
  const now = await administrator(writable, before.name)
  return now?.role === before.role && now.date === before.date && now.isDisabled === before.isDisabled
}

const noSuch = (name: string) => new Re6stError('NOT_FOUND', `${name}: there is no such administrator`)

/** Looks at what the transaction has written. Who could not administer before has taken nothing away. */
async function refuseIfLast(writable: Queries, { name, role, isDisabled }: Administrator): Promise<void> {
  if (role !== 'administer' || isDisabled) return
  const left = await writable.all("SELECT 1 FROM admin WHERE role = 'administer' AND disabled = 0 LIMIT 1")
  if (left.length === 0)
    throw new Re6stError(
      'CONFLICT',
      `${name} is the last who may administer: give that role to somebody else before`,
    )
}

/** Who it is that gives this name and password; undefined: nobody, or somebody disabled. It takes as long in both cases. */
export async function checkPassword(
  store: Store,
  name: string,
  password: string,
): Promise<Administrator | undefined> {
  const [row] = await store.all<AdministratorRow & { readonly password: string }>(
    'SELECT * FROM admin WHERE name = ?',
    name,
  )
  if (!(await isPassword(password, row?.password)) || !row) return undefined
  const found = asAdministrator(row)
  return found.isDisabled ? undefined : found
}
