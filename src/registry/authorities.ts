import { type Authority, certificateFingerprint, fingerprint } from '../core/crypto/certificate.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { audit } from './api/audit-log.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import { SaidByMachines, type SaidTable, writeSaid } from './said-by-machines.ts'

/** What is needed to know who has which certificate of the authority. */
export interface AuthoritiesComponents {
  readonly store: Store
  /** The present one. */
  readonly authority: Authority
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly log: Logger
}

/** A certificate of the authority that was served here. */
export interface ServedAuthority {
  /** SHA-256 in hexadecimal. */
  readonly fingerprint: string
  readonly sinceMs: number
  readonly notAfterMs: number
}

const TABLE: SaidTable = { table: 'machine_authority', columns: ['fingerprint'] }

/**
 * Which machine has which certificate of the authority: a node of ours says it with each of its calls, one that was enrolled here got
 * the present one. Of others nobody knows.
 */
export class Authorities implements AsyncDisposable {
  readonly #components: AuthoritiesComponents
  /** The present one, SHA-256 in hexadecimal. */
  readonly present: string
  readonly #said: SaidByMachines<string>

  constructor(components: AuthoritiesComponents) {
    this.#components = components
    this.present = fingerprint('sha256', components.authority.der).toString('hex')
    this.#said = new SaidByMachines(components, {
      what: 'who has which authority',
      ...TABLE,
      rowOf: (fingerprint) => [fingerprint],
    })
  }

  /** Notes since when the present one is served. */
  async begin(): Promise<void> {
    const { store, authority, clock } = this.#components
    await store.write(
      async (writable) => {
        const isOther = (await writable.all('SELECT 1 FROM authority LIMIT 1')).length > 0
        const isNew = await writable.run(
          'INSERT INTO authority VALUES (?, ?, ?) ON CONFLICT (fingerprint) DO NOTHING',
          ...[this.present, Math.floor(clock.now() / 1000), Math.floor(authority.notAfterMs / 1000)],
        )
        // Whoever has made it may have done so on another machine, or has put another file there.
        if (isOther && isNew > 0)
          await audit(
            writable,
            { name: 'registry', from: undefined },
            { action: 'authority.changed', detail: { fingerprint: certificateFingerprint(authority.der) } },
            clock.now(),
          )
      },
      { isExpendable: true },
    )
  }

  /** A machine that has proved who it is says which one it has. */
  heard(prefix: string, fingerprint: string): void {
    if (/^[0-9a-f]{64}$/.test(fingerprint)) this.#said.heard(prefix, fingerprint)
  }

  /** A machine is enrolled, in this transaction: it has got the present one here. */
  async enrolled(writable: Queries, prefix: string): Promise<void> {
    // What the one before had said who had this prefix is not its own.
    this.#said.forget(prefix)
    await writeSaid(writable, TABLE, [[prefix, [this.present]]])
  }

  /** Writes what was said. */
  save(): Promise<void> {
    return this.#said.save()
  }

  /** All that were served here, the latest first. */
  async served(): Promise<ServedAuthority[]> {
    const rows = await this.#components.store.all<{ fingerprint: string; since: number; not_after: number }>(
      'SELECT fingerprint, since, not_after FROM authority ORDER BY since DESC, not_after DESC',
    )
    return rows.map(({ fingerprint, since, not_after: notAfter }) => ({
      fingerprint,
      sinceMs: Number(since) * 1000,
      notAfterMs: Number(notAfter) * 1000,
    }))
  }

  /** Which one a machine has; undefined: nobody knows. */
  async of(prefix: string): Promise<string | undefined> {
    const unwritten = this.#said.unwritten(prefix)
    if (unwritten !== undefined) return unwritten
    const [row] = await this.#components.store.all<{ fingerprint: string }>(
      'SELECT fingerprint FROM machine_authority WHERE prefix = ?',
      prefix,
    )
    return row?.fingerprint
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#said[Symbol.asyncDispose]()
  }
}
