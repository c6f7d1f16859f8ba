import { ok, type Result, refuse } from '../result.ts'
import { AUDIT_ACTIONS } from '../values/audit-actions.ts'
import { ROLES, type Role } from '../values/roles.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional, withDefault } from './option-table.ts'
import { actionOf } from './registry-operator-options.ts'
import { DEFAULT_DATABASE } from './registry-options.ts'
import { databasePlace, nonEmpty, oneOf, type SecretSource, secretSource } from './value-types.ts'

const ADMINISTRATOR = 'Administrator'
const DATABASE = 'Database'

const ACTIONS = ['add', 'remove', 'list'] as const

const database = withDefault(databasePlace, DEFAULT_DATABASE, {
  names: ['--db'],
  group: DATABASE,
  help: 'database of the registry, which may be running: a file of SQLite, or postgres://USER@HOST[,HOST...]/NAME',
})
const json = flag({ names: ['--json'], group: 'Output', help: 'print JSON' })

const ADMIN_OPTIONS = {
  name: optional(nonEmpty('NAME'), {
    names: ['--name'],
    group: ADMINISTRATOR,
    help: 'name of the administrator',
  }),
  role: optional(oneOf('ROLE', ROLES), {
    names: ['--role'],
    group: ADMINISTRATOR,
    help: 'what the administrator may do: look; enrol: also invite; administer: everything',
  }),
  password: optional(secretSource, {
    names: ['--password'],
    group: ADMINISTRATOR,
    help: 'where the password is read from: path of a file, fd:N for an open file (fd:0: standard input), or credential:NAME for one of systemd',
    otherwise: 'default: one is made up, and printed once',
  }),
  database,
  json,
} as const

/** The command `re6st-registry admin`. */
export const ADMIN_COMMAND: Command<typeof ADMIN_OPTIONS> = {
  name: 're6st-registry admin',
  description:
    'With "add", adds an administrator of the page, or gives one another password and role; with "remove", removes one: who was signed in is no more. With "list", lists them.',
  options: ADMIN_OPTIONS,
  takesOptionFiles: false,
  operand: { metavar: 'ACTION', help: `one of ${ACTIONS.join(', ')}`, required: true },
}

/** What is to be done with administrators. */
export type AdminOptions = { readonly database: string; readonly json: boolean } & (
  | { readonly action: 'list' }
  | { readonly action: 'remove'; readonly name: string }
  | {
      readonly action: 'add'
      readonly name: string
      readonly role: Role
      readonly password: SecretSource | undefined
    }
)

/** Checks all options of `re6st-registry admin`, together. */
export function adminOptions(words: ParsedWords): Result<AdminOptions> {
  const values = optionValues(ADMIN_COMMAND, words)
  if (!values.ok) return values
  const { name, role, password, ...common } = values.value
  const found = actionOf(ADMIN_COMMAND.name, ACTIONS, words.operand, 'list')
  if (!found.ok) return found
  const action = found.value
  const useless = (['role', 'password'] as const).find((option) => words.given.has(option))
  if (action !== 'add' && useless !== undefined) return refuse(`--${useless}: is for "admin add" only`)
  if (action === 'list')
    return name === undefined ? ok({ ...common, action }) : refuse('--name: is not for "admin list"')
  if (name === undefined) return refuse(`--name: is needed by "admin ${action}"`)
  if (action === 'remove') return ok({ ...common, action, name })
  if (role === undefined) return refuse(`--role: is needed by "admin add": one of ${ROLES.join(', ')}`)
  return ok({ ...common, action, name, role, password })
}

const AUDIT_COMMANDS = ['list', 'verify'] as const

const ENTRIES = 'Entries'

const AUDIT_OPTIONS = {
  done: optional(oneOf('ACTION', AUDIT_ACTIONS), {
    names: ['--action'],
    group: ENTRIES,
    help: 'only those of this action',
  }),
  who: optional(nonEmpty('NAME'), {
    names: ['--who'],
    group: ENTRIES,
    help: 'only those of this administrator, token:ID or command:USER',
  }),
  head: optional(nonEmpty('HASH'), {
    names: ['--head'],
    group: DATABASE,
    help: 'hash of an entry that was written down earlier: it must be there still',
  }),
  database,
  json,
} as const

/** The command `re6st-registry audit`. */
export const AUDIT_COMMAND: Command<typeof AUDIT_OPTIONS> = {
  name: 're6st-registry audit',
  description:
    'With "list", prints who did what, the latest first. With "verify", says whether the log is whole: exit status 1 if it is not.',
  options: AUDIT_OPTIONS,
  takesOptionFiles: false,
  operand: { metavar: 'ACTION', help: `one of ${AUDIT_COMMANDS.join(', ')}`, required: true },
}

/** What is to be done with the audit log. */
export type AuditOptions = OptionsOf<typeof AUDIT_OPTIONS> & {
  readonly action: (typeof AUDIT_COMMANDS)[number]
}

/** Checks all options of `re6st-registry audit`, together. */
export function auditOptions(words: ParsedWords): Result<AuditOptions> {
  const values = optionValues(AUDIT_COMMAND, words)
  if (!values.ok) return values
  const found = actionOf(AUDIT_COMMAND.name, AUDIT_COMMANDS, words.operand, 'verify')
  if (!found.ok) return found
  const action = found.value
  const { done, who, head } = values.value
  if (action === 'list' && head !== undefined) return refuse('--head: is for "audit verify" only')
  if (action === 'verify' && (done ?? who) !== undefined)
    return refuse(`--${done === undefined ? 'who' : 'action'}: is for "audit list" only`)
  if (head !== undefined && !/^[0-9a-f]{64}$/.test(head))
    return refuse('--head: must be a hash of 64 hexadecimal digits, as "audit verify" prints it')
  return ok({ ...values.value, action })
}
