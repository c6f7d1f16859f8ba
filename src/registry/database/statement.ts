import {
  type CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely'
import type { DatabaseKind } from './migrations/migration.ts'
import type { Tables } from './tables.ts'

/** Stands for an argument while a query is compiled. */
class Parameter {
  readonly index: number

  constructor(index: number) {
    this.index = index
  }
}

/** What kysely makes of a query. */
interface Compilable<Row> {
  compile(): CompiledQuery<Row>
}

/** A query that was compiled once, for whatever arguments. */
export interface Statement<Arguments extends readonly unknown[], Row> {
  /** Of PostgreSQL's prepared statement; and of this one. */
  readonly name: string
  readonly sql: string
  /** Values in the order of the placeholders. */
  readonly bind: (args: Arguments) => unknown[]
  /** What the database has answered, as rows. */
  readonly rowsOf: (answer: readonly unknown[]) => Row[]
}

/** Where queries are written, for one kind of database. It runs none. */
export const queryBuilder = (kind: DatabaseKind): Kysely<Tables> =>
  new Kysely<Tables>({
    dialect:
      kind === 'sqlite'
        ? {
            createAdapter: () => new SqliteAdapter(),
            createDriver: () => new DummyDriver(),
            createIntrospector: (db) => new SqliteIntrospector(db),
            createQueryCompiler: () => new SqliteQueryCompiler(),
          }
        : {
            createAdapter: () => new PostgresAdapter(),
            createDriver: () => new DummyDriver(),
            createIntrospector: (db) => new PostgresIntrospector(db),
            createQueryCompiler: () => new PostgresQueryCompiler(),
          },
  })

/**
 * Compiles a query: kysely takes several times as long to write one as SQLite to answer it.
 * @param build may do nothing with its arguments but pass them on as values
 */
export function statement<Arguments extends readonly unknown[], Row>(
  db: Kysely<Tables>,
  name: string,
  build: (db: Kysely<Tables>, ...args: Arguments) => Compilable<Row>,
): Statement<Arguments, Row> {
  const stand = Array.from({ length: build.length - 1 }, (_, index) => new Parameter(index))
  const { sql, parameters } = build(db, ...(stand as unknown as Arguments)).compile()
  return {
    name,
    sql,
    bind: (args) =>
      parameters.map((parameter) => (parameter instanceof Parameter ? args[parameter.index] : parameter)),
    rowsOf: (answer) => answer as Row[],
  }
}
