import type { Queries } from './database/queries.ts'

/**
 * What is remembered of what operators are told of, by name.
 * @public kept as JSON in the database, where other processes read it
 */
interface Notices {
  /** Of certificates that end: those until then with no later serial were told of. Unix milliseconds. */
  readonly 'certificates.ending': { readonly untilMs: number; readonly serial: number }
  /** Whether was told that the registry's node is gone; how often any process has had an answer of it. */
  readonly registry_node: { readonly isGone: boolean; readonly answers: number }
  /** Which nodes were told of as gone, and are not back. */
  readonly 'nodes.gone': readonly string[]
  /** Who does not have this version, in hexadecimal, is left behind by a step of the rotation: that is still to be told. */
  readonly 'keys.left_behind': { readonly version: string }
}

type NoticeName = keyof Notices

/**
 * Reads what is remembered. What is to be told is decided by it in the transaction that writes the message: so nothing is told by two
 * processes, or again by one that was started again.
 */
export async function noticeOf<Name extends NoticeName>(
  queries: Pick<Queries, 'all'>,
  name: Name,
): Promise<Notices[Name] | undefined> {
  const [row] = await queries.all<{ value: string }>('SELECT value FROM operator_notice WHERE name = ?', name)
  return row && (JSON.parse(row.value) as Notices[Name])
}

/** Remembers something else; undefined: nothing. */
export async function setNotice<Name extends NoticeName>(
  writable: Queries,
  name: Name,
  value: Notices[Name] | undefined,
): Promise<void> {
  if (value === undefined) await writable.run('DELETE FROM operator_notice WHERE name = ?', name)
  else
    await writable.run(
      'INSERT INTO operator_notice VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
      ...[name, JSON.stringify(value)],
    )
}
