/** Triggers of the migration 014, which keep `listed_machine`, `listed_version` and `word_due`; 018 makes some of them anew. */

const COUNT_SQLITE = (version: string, by: string) =>
  `INSERT INTO listed_version VALUES (${version}, ${by}) ON CONFLICT (version) DO UPDATE SET n = n + excluded.n;`
const LIST_SQLITE =
  "INSERT INTO listed_machine SELECT NEW.prefix, COALESCE((SELECT date FROM node_address WHERE prefix = NEW.prefix), 0), '', NOT EXISTS (SELECT 1 FROM node_address WHERE prefix = NEW.prefix), COALESCE((SELECT version FROM machine_version WHERE prefix = NEW.prefix), -1) WHERE NEW.reason IS NULL;"
export const UNLIST_SQLITE = 'DELETE FROM listed_machine WHERE prefix = OLD.prefix;'
export const SET_SQLITE = (values: string, row: string) =>
  `UPDATE listed_machine SET ${values} WHERE prefix = ${row}.prefix;`

/** Each row by itself: SQLite knows no other triggers. Nobody else writes there: words are kept by all. */
export const LISTING_SQLITE: readonly string[] = [
  `CREATE TRIGGER holder_listed AFTER INSERT ON holder BEGIN ${LIST_SQLITE} END`,
  `CREATE TRIGGER holder_unlisted AFTER DELETE ON holder BEGIN ${UNLIST_SQLITE} END`,
  `CREATE TRIGGER holder_relisted AFTER UPDATE OF reason ON holder WHEN OLD.reason IS NOT NEW.reason BEGIN ${UNLIST_SQLITE} ${LIST_SQLITE} END`,
  `CREATE TRIGGER node_address_listed AFTER INSERT ON node_address BEGIN ${SET_SQLITE('seen = NEW.date, is_located = 0', 'NEW')} END`,
  `CREATE TRIGGER node_address_relisted AFTER UPDATE ON node_address BEGIN ${SET_SQLITE('seen = NEW.date, is_located = CASE WHEN NEW.addresses = OLD.addresses THEN is_located ELSE 0 END', 'NEW')} END`,
  `CREATE TRIGGER node_address_unlisted AFTER DELETE ON node_address BEGIN ${SET_SQLITE("seen = 0, country = '', is_located = 1", 'OLD')} END`,
  `CREATE TRIGGER machine_version_listed AFTER INSERT ON machine_version BEGIN ${SET_SQLITE('version = NEW.version', 'NEW')} END`,
  `CREATE TRIGGER machine_version_relisted AFTER UPDATE ON machine_version BEGIN ${SET_SQLITE('version = NEW.version', 'NEW')} END`,
  `CREATE TRIGGER machine_version_unlisted AFTER DELETE ON machine_version BEGIN ${SET_SQLITE('version = -1', 'OLD')} END`,
  `CREATE TRIGGER listed_counted AFTER INSERT ON listed_machine BEGIN ${COUNT_SQLITE('NEW.version', '1')} END`,
  `CREATE TRIGGER listed_discounted AFTER DELETE ON listed_machine BEGIN ${COUNT_SQLITE('OLD.version', '-1')} END`,
  `CREATE TRIGGER listed_recounted AFTER UPDATE OF version ON listed_machine WHEN OLD.version <> NEW.version BEGIN ${COUNT_SQLITE('OLD.version', '-1')} ${COUNT_SQLITE('NEW.version', '1')} END`,
]

export const FUNCTION = (name: string, body: string) =>
  `CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NULL; END $$`
/** All rows of a statement together. */
export const TRIGGER = (
  name: string,
  event: string,
  table: string,
  seeing: string,
  does: string,
  when = '',
) =>
  `CREATE TRIGGER ${name} AFTER ${event} ON ${table} REFERENCING ${seeing} FOR EACH STATEMENT ${when} EXECUTE FUNCTION ${does}()`
export const NEW_ROWS = 'NEW TABLE AS changed'
export const OLD_ROWS = 'OLD TABLE AS changed'
const BOTH_ROWS = 'OLD TABLE AS earlier NEW TABLE AS changed'

const LIST_POSTGRES = (rows: string) =>
  `INSERT INTO listed_machine SELECT changed.prefix, COALESCE(node_address.date, 0), '', CASE WHEN node_address.prefix IS NULL THEN 1 ELSE 0 END, COALESCE(machine_version.version, -1) FROM ${rows} AS changed LEFT JOIN node_address ON node_address.prefix = changed.prefix LEFT JOIN machine_version ON machine_version.prefix = changed.prefix WHERE changed.reason IS NULL ON CONFLICT (prefix) DO NOTHING;`
export const SET_POSTGRES = (values: string, rows = 'changed', also = '') =>
  `UPDATE listed_machine SET ${values} FROM ${rows} WHERE listed_machine.prefix = changed.prefix${also};`
const COUNT_POSTGRES = (rows: string) =>
  `INSERT INTO listed_version AS present SELECT version, SUM(by) FROM (${rows}) AS moved GROUP BY version HAVING SUM(by) <> 0 ORDER BY version ON CONFLICT (version) DO UPDATE SET n = present.n + excluded.n;`

/** A registry that keeps words itself says so for each of its transactions (`WORDS_ARE_KEPT`). */
const KEEPS_NO_WORDS = "WHEN (current_setting('re6st.words_are_kept', true) IS DISTINCT FROM 'yes')"
const DUE = (kind: string, text: string, rows = 'changed', where = '') =>
  `INSERT INTO word_due SELECT changed.prefix, '${kind}', COALESCE(${text}, '') FROM ${rows} ${where};`

const WORDS = (table: string, kind: string, column: string): readonly string[] => [
  FUNCTION(`${table}_words_due_new`, DUE(kind, 'NULL::text')),
  FUNCTION(`${table}_words_due_old`, DUE(kind, `changed.${column}`)),
  FUNCTION(
    `${table}_words_due_both`,
    DUE(
      kind,
      `earlier.${column}`,
      'changed JOIN earlier ON earlier.prefix = changed.prefix',
      `WHERE earlier.${column} IS DISTINCT FROM changed.${column}`,
    ),
  ),
  TRIGGER(`${table}_words_added`, 'INSERT', table, NEW_ROWS, `${table}_words_due_new`, KEEPS_NO_WORDS),
  TRIGGER(`${table}_words_removed`, 'DELETE', table, OLD_ROWS, `${table}_words_due_old`, KEEPS_NO_WORDS),
  TRIGGER(`${table}_words_changed`, 'UPDATE', table, BOTH_ROWS, `${table}_words_due_both`, KEEPS_NO_WORDS),
]

export const LISTING_POSTGRES: readonly string[] = [
  FUNCTION('list_holders', LIST_POSTGRES('changed')),
  FUNCTION(
    'unlist_holders',
    'DELETE FROM listed_machine USING changed WHERE listed_machine.prefix = changed.prefix;',
  ),
  `CREATE FUNCTION relist_holder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM listed_machine WHERE prefix = OLD.prefix; ${LIST_POSTGRES('(SELECT NEW.prefix AS prefix, NEW.reason AS reason)')} RETURN NULL; END $$`,
  TRIGGER('holder_listed', 'INSERT', 'holder', NEW_ROWS, 'list_holders'),
  TRIGGER('holder_unlisted', 'DELETE', 'holder', OLD_ROWS, 'unlist_holders'),
  'CREATE TRIGGER holder_relisted AFTER UPDATE OF reason ON holder FOR EACH ROW WHEN (OLD.reason IS DISTINCT FROM NEW.reason) EXECUTE FUNCTION relist_holder()',
  FUNCTION('list_addresses', SET_POSTGRES('seen = changed.date, is_located = 0')),
  FUNCTION(
    'relist_addresses',
    SET_POSTGRES(
      'seen = changed.date, is_located = CASE WHEN changed.addresses = earlier.addresses THEN is_located ELSE 0 END',
      'changed, earlier',
      ' AND earlier.prefix = changed.prefix',
    ),
  ),
  FUNCTION('unlist_addresses', SET_POSTGRES("seen = 0, country = '', is_located = 1")),
  TRIGGER('node_address_listed', 'INSERT', 'node_address', NEW_ROWS, 'list_addresses'),
  TRIGGER('node_address_relisted', 'UPDATE', 'node_address', BOTH_ROWS, 'relist_addresses'),
  TRIGGER('node_address_unlisted', 'DELETE', 'node_address', OLD_ROWS, 'unlist_addresses'),
  FUNCTION('list_versions', SET_POSTGRES('version = changed.version')),
  FUNCTION('unlist_versions', SET_POSTGRES('version = -1')),
  TRIGGER('machine_version_listed', 'INSERT', 'machine_version', NEW_ROWS, 'list_versions'),
  TRIGGER('machine_version_relisted', 'UPDATE', 'machine_version', NEW_ROWS, 'list_versions'),
  TRIGGER('machine_version_unlisted', 'DELETE', 'machine_version', OLD_ROWS, 'unlist_versions'),
  FUNCTION('count_listed', COUNT_POSTGRES('SELECT version, 1 AS by FROM changed')),
  FUNCTION('discount_listed', COUNT_POSTGRES('SELECT version, -1 AS by FROM changed')),
  FUNCTION(
    'recount_listed',
    COUNT_POSTGRES('SELECT version, 1 AS by FROM changed UNION ALL SELECT version, -1 FROM earlier'),
  ),
  TRIGGER('listed_counted', 'INSERT', 'listed_machine', NEW_ROWS, 'count_listed'),
  TRIGGER('listed_discounted', 'DELETE', 'listed_machine', OLD_ROWS, 'discount_listed'),
  TRIGGER('listed_recounted', 'UPDATE', 'listed_machine', BOTH_ROWS, 'recount_listed'),
  ...WORDS('holder', 'email', 'email'),
  ...WORDS('machine', 'name', 'name'),
]
