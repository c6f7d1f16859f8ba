import { ok, type Result, refuse } from '../result.ts'
import { ROLES, type Role } from '../values/roles.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional, withDefault } from './option-table.ts'
import { ASKED_REGISTRY, actionOf } from './registry-operator-options.ts'
import { integer, nonEmpty, oneOf } from './value-types.ts'

const TOKEN = 'Token'
const ACTIONS = ['new', 'list', 'delete'] as const
/** A year, as the API has it. */
const MAX_DAYS = 365

const OPTIONS = {
  label: optional(nonEmpty('TEXT'), {
    names: ['--label'],
    group: TOKEN,
    help: 'what it is for, as lists say it',
  }),
  scope: optional(oneOf('ROLE', ROLES), {
    names: ['--role'],
    group: TOKEN,
    help: 'what whoever has it may do: look; enrol: also invite; administer: everything',
  }),
  days: withDefault(integer('N', 1, MAX_DAYS), 90, {
    names: ['--days'],
    group: TOKEN,
    help: 'days after which it is of no use any more',
  }),
  isTokenOnly: flag({
    names: ['--token-only'],
    group: TOKEN,
    help: 'print only the token, for a script',
  }),
  id: optional(nonEmpty('ID'), { names: ['--id'], group: TOKEN, help: 'which one, for "delete"' }),
  ...ASKED_REGISTRY,
} as const

/** The command `re6st-registry token`. */
export const TOKEN_COMMAND: Command<typeof OPTIONS> = {
  name: 're6st-registry token',
  description:
    'With "new", makes a bearer token, with which a program asks the API: it is not shown again. With "list", lists them; with "delete", deletes one.',
  options: OPTIONS,
  takesOptionFiles: false,
  operand: { metavar: 'ACTION', help: `one of ${ACTIONS.join(', ')}`, required: true },
}

/** What only a new one needs. */
const OF_NEW = ['label', 'scope', 'days', 'isTokenOnly'] as const

/** What is to be done with bearer tokens. */
export type TokenOptions = OptionsOf<typeof ASKED_REGISTRY> &
  (
    | {
        readonly action: 'new'
        readonly label: string
        readonly scope: Role
        readonly days: number
        readonly isTokenOnly: boolean
      }
    | { readonly action: 'list' }
    | { readonly action: 'delete'; readonly id: string }
  )

/** Checks all options of `re6st-registry token`, together. */
export function tokenOptions(words: ParsedWords): Result<TokenOptions> {
  const values = optionValues(TOKEN_COMMAND, words)
  if (!values.ok) return values
  const { label, scope, days, isTokenOnly, id, ...common } = values.value
  const found = actionOf(TOKEN_COMMAND.name, ACTIONS, words.operand, 'list')
  if (!found.ok) return found
  const action = found.value
  const useless = OF_NEW.find((option) => words.given.has(option))
  if (action !== 'new' && useless !== undefined)
    return refuse(`${OPTIONS[useless].names[0]}: is for "token new" only`)
  if (action !== 'delete' && id !== undefined) return refuse('--id: is for "token delete" only')
  if (action === 'list') return ok({ ...common, action })
  if (action === 'delete')
    return id === undefined
      ? refuse('--id: is needed by "token delete": "token list" has them')
      : ok({ ...common, action, id })
  if (label === undefined) return refuse('--label: is needed by "token new": what it is for')
  if (scope === undefined) return refuse(`--role: is needed by "token new": one of ${ROLES.join(', ')}`)
  if (common.json && isTokenOnly) return refuse('--token-only: cannot be given together with --json')
  return ok({ ...common, action, label, scope, days, isTokenOnly })
}
