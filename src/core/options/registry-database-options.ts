import { ok, type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional, withDefault } from './option-table.ts'
import { DEFAULT_DATABASE } from './registry-options.ts'
import { databasePlace, filePath, isUrl } from './value-types.ts'

const FILES = 'Files'

const DATABASE = {
  database: withDefault(databasePlace, DEFAULT_DATABASE, {
    names: ['--db'],
    group: FILES,
    help: 'database of the registry: a file of SQLite, or postgres://USER@HOST[,HOST...]/NAME',
  }),
  json: flag({ names: ['--json'], group: 'Output', help: 'print JSON' }),
} as const

const CHECK = {
  ...DATABASE,
  ca: optional(filePath('FILE'), {
    names: ['--ca'],
    group: FILES,
    help: 'certificate of the authority, in PEM: who has signed the certificates is checked, too',
    otherwise: 'default: that is not checked',
  }),
} as const

const IMPORT = {
  ...CHECK,
  database: withDefault(databasePlace, DEFAULT_DATABASE, {
    names: ['--db'],
    group: FILES,
    help: 'where to: a file of SQLite, or postgres://USER@HOST[,HOST...]/NAME; there is no network in it yet',
  }),
} as const

/** The command `re6st-registry backup`. */
export const BACKUP_COMMAND: Command<typeof DATABASE> = {
  name: 're6st-registry backup',
  description:
    'Copies the database of a registry into a file of SQLite, also while it serves: as it is at one moment, whole or not at all. Tokens and keys are in it.',
  options: DATABASE,
  takesOptionFiles: false,
  operand: {
    metavar: 'FILE',
    help: 'where to; a backup that is there is replaced, and nothing else',
    required: true,
  },
}

/** The command `re6st-registry restore`. */
export const RESTORE_COMMAND: Command<typeof DATABASE> = {
  name: 're6st-registry restore',
  description:
    'Puts a backup, or the database of the Python implementation, in the place of the database of a registry that does not run, if it is sound. The one before is kept beside it; of PostgreSQL, where all is replaced in one transaction, beside the backup. The version of the configuration and the serial numbers go on far ahead of both, so that nodes take what it says.',
  options: DATABASE,
  takesOptionFiles: false,
  operand: { metavar: 'FILE', help: 'the backup', required: true },
}

/** The command `re6st-registry check`. */
export const CHECK_COMMAND: Command<typeof CHECK> = {
  name: 're6st-registry check',
  description:
    'Reads the whole database of a registry, also while it serves, and says what is wrong in it and what to do: prefixes, serial numbers, certificates, what is revoked, whether the registry knows all machines, the audit log. The exit status is 1 when something is wrong.',
  options: CHECK,
  takesOptionFiles: false,
}

/** The command `re6st-registry import`. */
export const IMPORT_COMMAND: Command<typeof IMPORT> = {
  name: 're6st-registry import',
  description:
    'Copies a network from another database into an empty one: from SQLite, also of the Python implementation, to PostgreSQL, and back. What is read must be sound, and is not changed. Stop the registry that runs with it first.',
  options: IMPORT,
  takesOptionFiles: false,
  operand: { metavar: 'PATH|URL', help: 'where from', required: true },
}

/** What is to be copied, and where to or from. */
export type CopyOptions = OptionsOf<typeof DATABASE> & { readonly file: string }
/** What is to be checked. */
export type CheckOptions = OptionsOf<typeof CHECK>
/** What is to be imported, and where to. */
export type ImportOptions = OptionsOf<typeof IMPORT> & { readonly source: string }

/** Checks all options of `re6st-registry backup`, together. */
export const backupOptions = (words: ParsedWords): Result<CopyOptions> => copyOptions(BACKUP_COMMAND, words)
/** Checks all options of `re6st-registry restore`, together. */
export const restoreOptions = (words: ParsedWords): Result<CopyOptions> => copyOptions(RESTORE_COMMAND, words)
/** Checks all options of `re6st-registry check`, together. */
export const checkOptions = (words: ParsedWords): Result<CheckOptions> => optionValues(CHECK_COMMAND, words)

/** Checks all options of `re6st-registry import`, together. */
export function importOptions(words: ParsedWords): Result<ImportOptions> {
  const values = optionValues(IMPORT_COMMAND, words)
  return values.ok ? ok({ ...values.value, source: words.operand ?? '' }) : values
}

function copyOptions(command: Command<typeof DATABASE>, words: ParsedWords): Result<CopyOptions> {
  const values = optionValues(command, words)
  if (!values.ok) return values
  const { operand: file = '' } = words
  // It is not repeated: there may be a password in it.
  if (isUrl(file)) return refuse('FILE: must be the path of a file; the URL of a database is said by --db')
  return ok({ ...values.value, file })
}
