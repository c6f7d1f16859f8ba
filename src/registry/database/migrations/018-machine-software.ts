import { sql } from 'kysely'
import {
  FUNCTION,
  LISTING_POSTGRES,
  NEW_ROWS,
  OLD_ROWS,
  SET_POSTGRES,
  SET_SQLITE,
  TRIGGER,
  UNLIST_SQLITE,
} from './listing-triggers.ts'
import { type MigrationOf, runningEach } from './migration.ts'

/** By which machines are found that something is to be known of, and counted. */
const INDEXES = {
  listed_authority: '(authority, prefix)',
  listed_protocol: '(protocol, prefix)',
  listed_software: '(software, prefix)',
}

/** First digits of the fingerprint: nobody finds another certificate of the authority with the same, and it takes a quarter. */
const HEAD = 'substr(fingerprint, 1, 16)'

const ofNew = (value: string, table: string, otherwise: string) =>
  `COALESCE((SELECT ${value} FROM ${table} WHERE prefix = NEW.prefix), ${otherwise})`
const LIST_SQLITE = `INSERT INTO listed_machine (prefix, seen, country, is_located, version, authority, protocol, software) SELECT NEW.prefix, ${ofNew('date', 'node_address', '0')}, '', NOT EXISTS (SELECT 1 FROM node_address WHERE prefix = NEW.prefix), ${ofNew('version', 'machine_version', '-1')}, ${ofNew(HEAD, 'machine_authority', "''")}, ${ofNew('protocol', 'machine_software', '0')}, ${ofNew('software', 'machine_software', "''")} WHERE NEW.reason IS NULL;`

const SAID_SQLITE = (table: string, values: string, nothing: string): readonly string[] => [
  `CREATE TRIGGER ${table}_listed AFTER INSERT ON ${table} BEGIN ${SET_SQLITE(values, 'NEW')} END`,
  `CREATE TRIGGER ${table}_relisted AFTER UPDATE ON ${table} BEGIN ${SET_SQLITE(values, 'NEW')} END`,
  `CREATE TRIGGER ${table}_unlisted AFTER DELETE ON ${table} BEGIN ${SET_SQLITE(nothing, 'OLD')} END`,
]

/** A registry of an earlier version, which frees a prefix and gives it to another machine, does not know that this is to be forgotten. */
const FORGET_SQLITE =
  'CREATE TRIGGER holder_forgotten AFTER DELETE ON holder BEGIN DELETE FROM machine_software WHERE prefix = OLD.prefix; END'
const FORGET_POSTGRES: readonly string[] = [
  FUNCTION(
    'forget_holders',
    'DELETE FROM machine_software USING changed WHERE machine_software.prefix = changed.prefix;',
  ),
  TRIGGER('holder_forgotten', 'DELETE', 'holder', OLD_ROWS, 'forget_holders'),
]

const TRIGGERS_SQLITE: readonly string[] = [
  'DROP TRIGGER holder_listed',
  'DROP TRIGGER holder_relisted',
  `CREATE TRIGGER holder_listed AFTER INSERT ON holder BEGIN ${LIST_SQLITE} END`,
  `CREATE TRIGGER holder_relisted AFTER UPDATE OF reason ON holder WHEN OLD.reason IS NOT NEW.reason BEGIN ${UNLIST_SQLITE} ${LIST_SQLITE} END`,
  ...SAID_SQLITE('machine_authority', 'authority = substr(NEW.fingerprint, 1, 16)', "authority = ''"),
  ...SAID_SQLITE(
    'machine_software',
    'protocol = NEW.protocol, software = NEW.software',
    "protocol = 0, software = ''",
  ),
  FORGET_SQLITE,
]

const LIST_POSTGRES = (rows: string) =>
  `INSERT INTO listed_machine (prefix, seen, country, is_located, version, authority, protocol, software) SELECT changed.prefix, COALESCE(node_address.date, 0), '', CASE WHEN node_address.prefix IS NULL THEN 1 ELSE 0 END, COALESCE(machine_version.version, -1), COALESCE(${HEAD}, ''), COALESCE(machine_software.protocol, 0), COALESCE(machine_software.software, '') FROM ${rows} AS changed LEFT JOIN node_address ON node_address.prefix = changed.prefix LEFT JOIN machine_version ON machine_version.prefix = changed.prefix LEFT JOIN machine_authority ON machine_authority.prefix = changed.prefix LEFT JOIN machine_software ON machine_software.prefix = changed.prefix WHERE changed.reason IS NULL ON CONFLICT (prefix) DO NOTHING;`

const anew = (text: string) => text.replace('CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION')

const SAID_POSTGRES = (table: string, values: string, nothing: string): readonly string[] => [
  FUNCTION(`list_${table}`, SET_POSTGRES(values)),
  FUNCTION(`unlist_${table}`, SET_POSTGRES(nothing)),
  TRIGGER(`${table}_listed`, 'INSERT', table, NEW_ROWS, `list_${table}`),
  TRIGGER(`${table}_relisted`, 'UPDATE', table, NEW_ROWS, `list_${table}`),
  TRIGGER(`${table}_unlisted`, 'DELETE', table, OLD_ROWS, `unlist_${table}`),
]

const TRIGGERS_POSTGRES: readonly string[] = [
  anew(FUNCTION('list_holders', LIST_POSTGRES('changed'))),
  anew(
    FUNCTION(
      'relist_holder',
      `DELETE FROM listed_machine WHERE prefix = OLD.prefix; ${LIST_POSTGRES('(SELECT NEW.prefix AS prefix, NEW.reason AS reason)')}`,
    ),
  ),
  ...SAID_POSTGRES('machine_authority', 'authority = substr(changed.fingerprint, 1, 16)', "authority = ''"),
  ...SAID_POSTGRES(
    'machine_software',
    'protocol = changed.protocol, software = changed.software',
    "protocol = 0, software = ''",
  ),
  ...FORGET_POSTGRES,
]

/** As they were: they go with the table. */
const COUNTING_POSTGRES = LISTING_POSTGRES.filter((text) => / ON listed_machine REFERENCING /.test(text))

interface IndexRow {
  readonly name: string
  readonly text: string
  readonly is_primary: boolean
}

/**
 * What a machine says of itself when it calls: the protocol that it speaks (0: it has not called), whose implementation it runs (`own`,
 * `python`; '': nobody knows), and in which version. With the certificate of the authority that it has, machines are listed by that, too.
 */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const run = runningEach(db)
    const isSqlite = kind === 'sqlite'
    const [text, integer] = isSqlite ? ['TEXT', 'INTEGER'] : ['TEXT COLLATE "C"', 'BIGINT']
    await run(
      `CREATE TABLE machine_software (prefix ${text} PRIMARY KEY NOT NULL, protocol ${integer} NOT NULL, software ${text} NOT NULL, version ${text} NOT NULL)`,
    )
    const columns = [
      `authority ${text} NOT NULL DEFAULT ''`,
      `protocol ${integer} NOT NULL DEFAULT 0`,
      `software ${text} NOT NULL DEFAULT ''`,
    ]
    if (isSqlite) {
      for (const column of columns) await run(`ALTER TABLE listed_machine ADD COLUMN ${column}`)
      await run(
        `UPDATE listed_machine SET authority = ${HEAD} FROM machine_authority WHERE machine_authority.prefix = listed_machine.prefix`,
      )
      for (const [name, of] of Object.entries(INDEXES))
        await run(`CREATE INDEX ${name} ON listed_machine ${of}`)
      for (const trigger of TRIGGERS_SQLITE) await run(trigger)
      return
    }
    // Registries of an earlier version read it meanwhile: another is made beside it, and takes its place at the end, in no time.
    await run('LOCK TABLE listed_machine IN SHARE MODE')
    const { rows: indexes } = await sql<IndexRow>`
      SELECT relname AS name, pg_get_indexdef(indexrelid) AS text, indisprimary AS is_primary
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
      WHERE indrelid = to_regclass('listed_machine') ORDER BY relname`.execute(db)
    for (const { name } of indexes) await run(`ALTER INDEX ${name} RENAME TO ${name}_before`)
    await run('CREATE TABLE listed_next (LIKE listed_machine)')
    for (const column of columns) await run(`ALTER TABLE listed_next ADD COLUMN ${column}`)
    await run(
      `INSERT INTO listed_next SELECT listed_machine.*, COALESCE(${HEAD}, ''), 0, '' FROM listed_machine LEFT JOIN machine_authority ON machine_authority.prefix = listed_machine.prefix ORDER BY listed_machine.prefix`,
    )
    for (const { name, text: before, is_primary: isPrimary } of indexes) {
      await run(
        before
          .replace(`${name}_before`, name)
          .replace(/ ON .*\blisted_machine USING /, ' ON listed_next USING '),
      )
      if (isPrimary)
        await run(`ALTER TABLE listed_next ADD CONSTRAINT ${name} PRIMARY KEY USING INDEX ${name}`)
    }
    for (const [name, of] of Object.entries(INDEXES)) await run(`CREATE INDEX ${name} ON listed_next ${of}`)
    await run('ANALYZE listed_next')
    for (const trigger of TRIGGERS_POSTGRES) await run(trigger)
    await run('DROP TABLE listed_machine')
    await run('ALTER TABLE listed_next RENAME TO listed_machine')
    for (const trigger of COUNTING_POSTGRES) await run(trigger)
  },
})
