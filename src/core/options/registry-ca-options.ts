import { ok, type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional, withDefault } from './option-table.ts'
import { actionOf } from './registry-operator-options.ts'
import {
  ASKED_COMMAND_SOCKET,
  DEFAULT_DATABASE,
  keyPassphrase,
  mistakeOfAuthority,
} from './registry-options.ts'
import { databasePlace, filePath, integer, newNetwork } from './value-types.ts'

const FILES = 'Files'
const RENEWAL = 'Renewal'

/** A hundred years: more is a mistake. */
const MAX_DAYS = 36_500

const ACTIONS = ['renew', 'status'] as const

const OPTIONS = {
  ca: withDefault(filePath('FILE'), 'ca.crt', {
    names: ['--ca'],
    group: FILES,
    help: 'certificate of the authority, in PEM',
  }),
  key: withDefault(filePath('FILE|URI'), 'ca.key', {
    names: ['--key'],
    group: FILES,
    help: 'its private key: a file in PEM, or pkcs11:token=LABEL;object=LABEL, a key in a PKCS#11 token',
  }),
  passphrase: keyPassphrase(FILES),
  days: withDefault(integer('N', 1, MAX_DAYS), 3650, {
    names: ['--days'],
    group: RENEWAL,
    help: 'days from now during which the new certificate is valid',
  }),
  prefix: optional(newNetwork, {
    names: ['--prefix'],
    group: RENEWAL,
    help: 'move the network to this prefix, of the same length',
    otherwise: 'default: it stays where it is',
  }),
  database: withDefault(databasePlace, DEFAULT_DATABASE, {
    names: ['--db'],
    group: 'Registry',
    help: 'database of the registry: "ca renew" is in its audit log, and "ca status" asks it which machines have it, if it runs',
  }),
  commandSocket: ASKED_COMMAND_SOCKET,
  json: flag({ names: ['--json'], group: 'Output', help: 'print JSON' }),
} as const

/** The command `re6st-registry ca`. */
export const CA_COMMAND: Command<typeof OPTIONS> = {
  name: 're6st-registry ca',
  description:
    'With "renew", makes the certificate of the authority anew, with the same key, and keeps the old one beside it. With "status", says how long it is valid, when nodes ask for the next, and which machines have it, if the registry runs.',
  options: OPTIONS,
  takesOptionFiles: false,
  operand: { metavar: 'ACTION', help: `one of ${ACTIONS.join(', ')}`, required: true },
}

/** What is to be done with the certificate of an authority. */
export type CaOptions = OptionsOf<typeof OPTIONS> & {
  readonly action: (typeof ACTIONS)[number]
  /** Whether a database is named: that one must be there. */
  readonly isDatabaseGiven: boolean
}

/** Checks all options of `re6st-registry ca`, together. */
export function caOptions(words: ParsedWords): Result<CaOptions> {
  const values = optionValues(CA_COMMAND, words)
  if (!values.ok) return values
  const found = actionOf(CA_COMMAND.name, ACTIONS, words.operand)
  if (!found.ok) return found
  const action = found.value
  const useless = (['days', 'prefix', 'key', 'passphrase'] as const).find((name) => words.given.has(name))
  if (action === 'renew' && words.given.has('commandSocket'))
    return refuse('--command-socket: is for "ca status" only')
  if (action === 'status' && useless !== undefined) return refuse(`--${useless}: is for "ca renew" only`)
  const mistake = mistakeOfAuthority(values.value.ca, values.value.key)
  if (mistake !== undefined) return refuse(mistake)
  return ok({ ...values.value, action, isDatabaseGiven: words.given.has('database') })
}
