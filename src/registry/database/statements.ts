import { sql } from 'kysely'
import type { DatabaseKind } from './migrations/migration.ts'
import { queryBuilder, type Statement, statement } from './statement.ts'
import {
  type CertificateRow,
  type ConfigRowValue,
  type HolderRow,
  type IssuedRow,
  type MadeTokenRow,
  type NodeAddressRow,
  RESERVED,
  type ReservationRow,
  type SessionRow,
  type SubjectSerialGapRow,
  type Tables,
  type TokenRow,
} from './tables.ts'

/** All statements of the registry, for one kind of database: the same text, as kysely writes it for each. */
export function statementsFor(kind: DatabaseKind) {
  const db = queryBuilder(kind)
  // SQLite would look through all prefixes of a community, given or free. `+n` has no affinity: else an index on an
  // expression cannot be used (sqlite.org/expridx.html).
  const freeIndex = sql.raw(kind === 'sqlite' ? 'INDEXED BY cert_free' : '')
  // It would read each that ends by then, to find those few among them.
  const unusable = sql.raw(kind === 'sqlite' ? 'INDEXED BY holder_reason' : '')
  const make = <Arguments extends readonly unknown[], Row>(
    name: string,
    build: Parameters<typeof statement<Arguments, Row>>[2],
  ): Statement<Arguments, Row> => statement(db, name, build)
  return {
    config: make('config', (db, name: string) =>
      db.selectFrom('config').select('value').where('name', '=', name),
    ),
    setConfig: make('set_config', (db, name: string, value: ConfigRowValue) =>
      db
        .insertInto('config')
        .values({ name, value })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ value })),
    ),
    deleteConfig: make('delete_config', (db, name: string) =>
      db.deleteFrom('config').where('name', '=', name),
    ),

    token: make('token', (db, token: string) =>
      db.selectFrom('token').selectAll().where('token', '=', token),
    ),
    addToken: make('add_token', (db, token: string, email: string, prefix_len: number, date: number) =>
      db.insertInto('token').values({ token, email, prefix_len, date } satisfies TokenRow),
    ),
    deleteToken: make('delete_token', (db, token: string) =>
      db.deleteFrom('token').where('token', '=', token).returning('token'),
    ),
    deleteTokensBefore: make('delete_tokens_before', (db, date: number) =>
      db.deleteFrom('token').where('date', '<', date),
    ),
    addMadeToken: make('add_made_token', (db, token: string, email: string, date: number) =>
      db
        .insertInto('made_token')
        .values({ token, email, date } satisfies MadeTokenRow)
        .onConflict((conflict) => conflict.column('token').doUpdateSet({ email, date })),
    ),
    madeToken: make('made_token', (db, token: string) =>
      db.selectFrom('made_token').select('date').where('token', '=', token),
    ),
    madeTokenFor: make('made_token_for', (db, email: string, date: number) =>
      db
        .selectFrom('made_token')
        .innerJoin('token', 'token.token', 'made_token.token')
        .select('made_token.token')
        .where('made_token.email', '=', email)
        .where('made_token.date', '>', date)
        .limit(1),
    ),
    deleteMadeToken: make('delete_made_token', (db, token: string) =>
      db.deleteFrom('made_token').where('token', '=', token),
    ),
    deleteEndedTokens: make('delete_ended_tokens', (db, date: number) =>
      db
        .deleteFrom('token')
        .where('token', 'in', (query) =>
          query.selectFrom('made_token').select('token').where('date', '<', date),
        ),
    ),
    deleteMadeTokensBefore: make('delete_made_tokens_before', (db, date: number) =>
      db.deleteFrom('made_token').where('date', '<', date),
    ),

    certificate: make('certificate', (db, prefix: string) =>
      db.selectFrom('cert').selectAll().where('prefix', '=', prefix),
    ),
    certificatesAfter: make('certificates_after', (db, prefix: string) =>
      db.selectFrom('cert').selectAll().where('prefix', '>', prefix).orderBy('prefix').limit(CHUNK),
    ),
    usableCertificate: make('usable_certificate', (db, prefix: string) =>
      db
        .selectFrom('cert')
        .innerJoin('holder', 'holder.prefix', 'cert.prefix')
        .select('cert.cert')
        .where('cert.prefix', '=', prefix)
        .where('holder.reason', 'is', null),
    ),
    someCertificates: make('some_certificates', (db) =>
      db.selectFrom('cert').selectAll().where('cert', 'is not', null).where('cert', '<>', RESERVED).limit(20),
    ),
    setCertificate: make('set_certificate', (db, prefix: string, email: string | null, cert: string | null) =>
      db
        .insertInto('cert')
        .values({ prefix, email, cert } satisfies CertificateRow)
        .onConflict((conflict) => conflict.column('prefix').doUpdateSet({ email, cert })),
    ),
    deletePrefix: make('delete_prefix', (db, prefix: string) =>
      db.deleteFrom('cert').where('prefix', '=', prefix),
    ),
    changedPrefixes: make('changed_prefixes', (db) =>
      db.selectFrom('cert_changed').select('prefix').orderBy('prefix').limit(CHUNK),
    ),
    forgetChanged: make('forget_changed', (db, prefix: string) =>
      db.deleteFrom('cert_changed').where('prefix', '=', prefix),
    ),
    noteChanged: make('note_changed', (db, prefix: string) =>
      db
        .insertInto('cert_changed')
        .values({ prefix })
        .onConflict((conflict) => conflict.column('prefix').doNothing()),
    ),

    freePrefixes: make('free_prefixes', (db) =>
      db
        .selectFrom('cert')
        .select('prefix')
        .where('cert', 'is', null)
        .where((query) =>
          query.not(
            query.exists(
              query
                .selectFrom('reservation')
                .select('prefix')
                .whereRef('reservation.prefix', '=', 'cert.prefix'),
            ),
          ),
        ),
    ),
    // Each length is looked up by itself: a search over all would pass what is free elsewhere.
    longestFree: make('longest_free', (db, longest: number, shortest: number, from: string, before: string) =>
      db
        .withRecursive('lengths(n)', (query) =>
          query
            .selectNoFrom(sql<number>`CAST(${longest} AS INTEGER)`.as('n'))
            .unionAll(
              query
                .selectFrom('lengths')
                .select(sql<number>`n - 1`.as('n'))
                .where(sql<boolean>`n > CAST(${shortest} AS INTEGER)`),
            ),
        )
        .selectFrom(
          sql<{
            prefix: string | null
            n: number
          }>`(SELECT n, (SELECT cert.prefix FROM cert ${freeIndex} WHERE cert.cert IS NULL AND length(cert.prefix) = +n AND cert.prefix >= ${from} AND cert.prefix < ${before} AND NOT EXISTS (SELECT 1 FROM reservation WHERE reservation.prefix = cert.prefix) ORDER BY cert.prefix LIMIT 1) AS prefix FROM lengths)`.as(
            'found',
          ),
        )
        .select('found.prefix')
        .where('found.prefix', 'is not', null)
        .orderBy('found.n', 'desc')
        .limit(1),
    ),
    isFree: make('is_free', (db, prefix: string) =>
      db
        .selectFrom('cert')
        .leftJoin('reservation', 'reservation.prefix', 'cert.prefix')
        .select('cert.prefix')
        .where('cert.prefix', '=', prefix)
        .where('cert.cert', 'is', null)
        .where('reservation.prefix', 'is', null),
    ),
    addReservation: make(
      'add_reservation',
      (db, prefix: string, serial: number, subject_serial: number, date: number) =>
        db
          .insertInto('reservation')
          .values({ prefix, serial, subject_serial, date } satisfies ReservationRow),
    ),
    deleteReservation: make('delete_reservation', (db, prefix: string, serial: number) =>
      db.deleteFrom('reservation').where('prefix', '=', prefix).where('serial', '=', serial).returningAll(),
    ),
    reservationsBefore: make('reservations_before', (db, date: number) =>
      db.selectFrom('reservation').selectAll().where('date', '<', date),
    ),

    holder: make('holder', (db, prefix: string) =>
      db.selectFrom('holder').selectAll().where('prefix', '=', prefix),
    ),
    holdersFrom: make('holders_from', (db, prefix: string) =>
      db.selectFrom('holder').selectAll().where('prefix', '>=', prefix).orderBy('prefix').limit(CHUNK),
    ),
    holdersAfter: make('holders_after', (db, prefix: string) =>
      db.selectFrom('holder').selectAll().where('prefix', '>', prefix).orderBy('prefix').limit(CHUNK),
    ),
    holderOfSerial: make('holder_of_serial', (db, serial: number) =>
      db.selectFrom('holder').selectAll().where('serial', '=', serial).where('reason', 'is', null).limit(1),
    ),
    holderOfEmail: make('holder_of_email', (db, email: string) =>
      db
        .selectFrom('holder')
        .selectAll()
        .where('email', '=', email)
        .where('reason', 'is', null)
        .orderBy('serial')
        .limit(1),
    ),
    holdersEndedBefore: make('holders_ended_before', (db, not_after: number) =>
      db.selectFrom('holder').selectAll().where('not_after', '<', not_after).where('reason', 'is', null),
    ),
    hasSubjectSerial: make('has_subject_serial', (db, subject_serial: number) =>
      db.selectFrom('holder').select('prefix').where('subject_serial', '=', subject_serial).limit(1),
    ),
    unreadable: make('unreadable', (db) =>
      db.selectFrom('holder').selectAll().where('reason', 'is not', null).orderBy('prefix'),
    ),
    countHolders: make('count_holders', (db, from: string, before: string) =>
      db
        .selectFrom('holder_count')
        // PostgreSQL's sum is no whole number. Those that cannot be used are few.
        .select(
          sql<number>`CAST(COALESCE(SUM(n), 0) AS BIGINT) - (SELECT COUNT(*) FROM holder WHERE reason IS NOT NULL AND prefix >= ${from} AND prefix < ${before})`.as(
            'count',
          ),
        )
        .where('head', '>=', from)
        .where('head', '<', before),
    ),
    countHoldersEnding: make('count_holders_ending', (db, after: number, until: number) =>
      db
        .selectFrom('holder')
        // Both from an index alone: to count those without a reason, each row would be read.
        .select(
          sql<number>`COUNT(*) - (SELECT COUNT(*) FROM holder ${unusable} WHERE reason IS NOT NULL AND not_after > ${after} AND not_after <= ${until})`.as(
            'count',
          ),
        )
        .where('not_after', '>', after)
        .where('not_after', '<=', until),
    ),
    holdersEnding: make('holders_ending', (db, after: number, prefix: string, until: number) =>
      db
        .selectFrom('holder')
        .selectAll()
        .where('reason', 'is', null)
        .where(sql<boolean>`(not_after, prefix) > (${after}, ${prefix})`)
        .where('not_after', '<=', until)
        .orderBy('not_after')
        .orderBy('prefix')
        .limit(CHUNK),
    ),
    setHolder: make(
      'set_holder',
      (
        db,
        prefix: string,
        email: string | null,
        serial: number | null,
        subject_serial: number | null,
        not_after: number | null,
        reason: string | null,
      ) =>
        db
          .insertInto('holder')
          .values({ prefix, email, serial, subject_serial, not_after, reason } satisfies HolderRow)
          .onConflict((conflict) =>
            conflict.column('prefix').doUpdateSet({ email, serial, subject_serial, not_after, reason }),
          ),
    ),
    deleteHolder: make('delete_holder', (db, prefix: string) =>
      db.deleteFrom('holder').where('prefix', '=', prefix).returningAll(),
    ),
    firstGap: make('first_gap', (db) =>
      db.selectFrom('subject_serial_gap').selectAll().orderBy('first').limit(1),
    ),
    gapAround: make('gap_around', (db, number: number) =>
      db
        .selectFrom('subject_serial_gap')
        .selectAll()
        .where('first', '<=', number)
        .orderBy('first', 'desc')
        .limit(1),
    ),
    addGap: make('add_gap', (db, first: number, last: number) =>
      db.insertInto('subject_serial_gap').values({ first, last } satisfies SubjectSerialGapRow),
    ),
    deleteGap: make('delete_gap', (db, first: number) =>
      db.deleteFrom('subject_serial_gap').where('first', '=', first),
    ),

    nodeAddress: make('node_address', (db, prefix: string) =>
      db.selectFrom('node_address').selectAll().where('prefix', '=', prefix),
    ),
    latestNodeAddresses: make('latest_node_addresses', (db, limit: number) =>
      db.selectFrom('node_address').selectAll().orderBy('date', 'desc').limit(limit),
    ),
    countNodeAddresses: make('count_node_addresses', (db) =>
      // PostgreSQL's sum is no whole number.
      db
        .selectFrom('node_address_count')
        .select(sql<number>`CAST(COALESCE(SUM(n), 0) AS BIGINT)`.as('count')),
    ),
    setNodeAddress: make('set_node_address', (db, prefix: string, addresses: string, date: number) =>
      db
        .insertInto('node_address')
        .values({ prefix, addresses, date } satisfies NodeAddressRow)
        .onConflict((conflict) => conflict.column('prefix').doUpdateSet({ addresses, date })),
    ),
    deleteNodeAddress: make('delete_node_address', (db, prefix: string) =>
      db.deleteFrom('node_address').where('prefix', '=', prefix),
    ),

    addIssued: make('add_issued', (db, serial: number, prefix: string, date: number) =>
      db
        .insertInto('issued')
        .values({ serial, prefix, date } satisfies IssuedRow)
        .onConflict((conflict) => conflict.column('serial').doNothing()),
    ),
    issued: make('issued', (db, serial: number) =>
      db.selectFrom('issued').selectAll().where('serial', '=', serial),
    ),
    issuedFor: make('issued_for', (db, prefix: string, date: number) =>
      db.selectFrom('issued').selectAll().where('prefix', '=', prefix).where('date', '>', date),
    ),
    deleteIssuedBefore: make('delete_issued_before', (db, date: number) =>
      db.deleteFrom('issued').where('date', '<', date),
    ),

    crl: make('crl', (db, date: number) =>
      db.selectFrom('crl').select('serial').where('date', '>=', date).orderBy('serial'),
    ),
    isRevoked: make('is_revoked', (db, serial: number) =>
      db.selectFrom('crl').select('serial').where('serial', '=', serial),
    ),
    addToCrl: make('add_to_crl', (db, serial: number, date: number) =>
      db
        .insertInto('crl')
        .values({ serial, date } satisfies Tables['crl'])
        .onConflict((conflict) => conflict.column('serial').doNothing()),
    ),
    deleteCrlBefore: make('delete_crl_before', (db, date: number) =>
      db.deleteFrom('crl').where('date', '<', date),
    ),

    session: make('session', (db, prefix: string) =>
      db.selectFrom('session').select('state').where('prefix', '=', prefix),
    ),
    beginSession: make('begin_session', (db, prefix: string, state: string, date: number) =>
      db
        .insertInto('session')
        .values({ prefix, state, date } satisfies SessionRow)
        .onConflict((conflict) => conflict.column('prefix').doNothing())
        .returning('prefix'),
    ),
    changeSession: make('change_session', (db, prefix: string, before: string, state: string, date: number) =>
      db
        .updateTable('session')
        .set({ state, date })
        .where('prefix', '=', prefix)
        .where('state', '=', before)
        .returning('prefix'),
    ),
    endSession: make('end_session', (db, prefix: string) =>
      db.deleteFrom('session').where('prefix', '=', prefix),
    ),
    deleteSessionsBefore: make('delete_sessions_before', (db, date: number) =>
      db.deleteFrom('session').where('date', '<', date),
    ),

    noteCommitted: make('note_committed', (db, id: string, date: number) =>
      db.insertInto('committed').values({ id, date }),
    ),
    isCommitted: make('is_committed', (db, id: string) =>
      db.selectFrom('committed').select('id').where('id', '=', id),
    ),
    forgetCommitted: make('forget_committed', (db, date: number) =>
      db.deleteFrom('committed').where('date', '<', date),
    ),
  }
}

/** How many rows are looked at in one go where there may be many. */
export const CHUNK = 1_000

/** All statements. */
export type Statements = ReturnType<typeof statementsFor>
