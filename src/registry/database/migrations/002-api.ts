import { sql } from 'kysely'
import type { MigrationOf } from './migration.ts'

/**
 * Tables of the API and of its page; dates are in Unix seconds, what is long-lived and secret is a hash.
 *
 * - `admin`, `admin_session`, `bearer_token`: who may do what
 * - `audit`: what was done, each entry with the hash of the one before
 * - `invitation`, `invitation_use`: what lies behind tokens that an operator has made, and who has used them
 * - `machine`: what is known of a machine beside its certificate
 * - `machine_event`, `look_day`, `machine_day`: what happened to it, and how often it was there when somebody looked
 * - `expiry_mail`: which mails were sent about the end of a certificate, by days before it
 * - `network_setting`: settings of the network that were changed there
 */
const TABLES: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS expiry_mail (\n  serial INTEGER NOT NULL,\n  stage INTEGER NOT NULL,\n  date INTEGER NOT NULL,\n  PRIMARY KEY (serial, stage))',
  'CREATE TABLE IF NOT EXISTS admin (\n  name TEXT PRIMARY KEY NOT NULL,\n  role TEXT NOT NULL,\n  password TEXT NOT NULL,\n  date INTEGER NOT NULL)',
  'CREATE TABLE IF NOT EXISTS admin_session (\n  hash TEXT PRIMARY KEY NOT NULL,\n  name TEXT NOT NULL,\n  role TEXT NOT NULL,\n  method TEXT NOT NULL,\n  made INTEGER NOT NULL,\n  used INTEGER NOT NULL)',
  'CREATE TABLE IF NOT EXISTS bearer_token (\n  id TEXT PRIMARY KEY NOT NULL,\n  hash TEXT UNIQUE NOT NULL,\n  label TEXT NOT NULL,\n  scope TEXT NOT NULL,\n  made_by TEXT NOT NULL,\n  made INTEGER NOT NULL,\n  ends INTEGER NOT NULL,\n  used INTEGER)',
  'CREATE TABLE IF NOT EXISTS audit (\n  number INTEGER PRIMARY KEY NOT NULL,\n  date INTEGER NOT NULL,\n  who TEXT NOT NULL,\n  origin TEXT,\n  action TEXT NOT NULL,\n  subject TEXT,\n  detail TEXT NOT NULL,\n  hash TEXT NOT NULL)',
  'CREATE TABLE IF NOT EXISTS invitation (\n  id TEXT PRIMARY KEY NOT NULL,\n  token TEXT UNIQUE NOT NULL,\n  uses INTEGER NOT NULL,\n  uses_left INTEGER NOT NULL,\n  made INTEGER NOT NULL,\n  made_by TEXT NOT NULL,\n  ends INTEGER NOT NULL,\n  email TEXT,\n  community TEXT,\n  machine_name TEXT)',
  'CREATE TABLE IF NOT EXISTS invitation_use (\n  id TEXT NOT NULL,\n  prefix TEXT NOT NULL,\n  date INTEGER NOT NULL,\n  PRIMARY KEY (id, prefix))',
  'CREATE TABLE IF NOT EXISTS machine (\n  prefix TEXT PRIMARY KEY NOT NULL,\n  name TEXT)',
  'CREATE TABLE IF NOT EXISTS machine_event (\n  prefix TEXT NOT NULL,\n  date INTEGER NOT NULL,\n  kind TEXT NOT NULL,\n  detail TEXT)',
  'CREATE INDEX IF NOT EXISTS machine_event_prefix ON machine_event (prefix, date)',
  'CREATE TABLE IF NOT EXISTS look_day (\n  day INTEGER PRIMARY KEY NOT NULL,\n  looks INTEGER NOT NULL)',
  'CREATE TABLE IF NOT EXISTS machine_day (\n  prefix TEXT NOT NULL,\n  day INTEGER NOT NULL,\n  seen INTEGER NOT NULL,\n  PRIMARY KEY (prefix, day)) WITHOUT ROWID',
  'CREATE TABLE IF NOT EXISTS network_setting (\n  name TEXT PRIMARY KEY NOT NULL,\n  value TEXT NOT NULL)',
]

/** Nobody changes what is in the audit log. */
const ADDED_TO_ONLY_SQLITE: readonly string[] = [
  "CREATE TRIGGER IF NOT EXISTS audit_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END",
  "CREATE TRIGGER IF NOT EXISTS audit_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END",
  "CREATE TRIGGER IF NOT EXISTS audit_insert BEFORE INSERT ON audit WHEN NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM audit) BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END",
]

const ADDED_TO_ONLY_POSTGRES: readonly string[] = [
  `CREATE FUNCTION audit_added_to() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF TG_OP = 'INSERT' AND NEW.number = (SELECT COALESCE(MAX(number), 0) + 1 FROM audit) THEN RETURN NEW; END IF;
     RAISE EXCEPTION 'the audit log is only added to';
   END $$`,
  'CREATE TRIGGER audit_added_to BEFORE INSERT OR UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_added_to()',
]

/** What the API and the page keep; version 0.2.0 made some of it on SQLite before there were migrations. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const all = [...TABLES, ...(kind === 'sqlite' ? ADDED_TO_ONLY_SQLITE : ADDED_TO_ONLY_POSTGRES)]
    // A serial number or a date does not fit into 32 bits for ever.
    for (const text of all)
      await sql
        .raw(kind === 'sqlite' ? text : text.replaceAll(' INTEGER', ' BIGINT').replace(' WITHOUT ROWID', ''))
        .execute(db)
  },
})
