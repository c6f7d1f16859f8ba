import { setImmediate } from 'node:timers/promises'
import { type Authority, certificateFingerprint, fingerprint } from '../core/crypto/certificate.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { audit } from './api/audit-log.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'

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

/** A machine, and the certificate of the authority that it has; undefined: nobody knows. */
export interface AuthorityHolder {
  readonly prefix: string
  readonly notAfterMs: number
  readonly fingerprint: string | undefined
}

/** What many say at once is written together. */
const WRITE_AFTER_MS = 5_000
/** So many are remembered, whose word need not be looked up when they say it again. */
const MAX_REMEMBERED = 10_000
/** Machines that are read at a time. */
const BATCH = 500

/**
 * Which machine has which certificate of the authority: a node of ours says it with each of its calls, one that was enrolled here got
 * the present one. Of others nobody knows.
 */
export class Authorities implements AsyncDisposable {
  readonly #components: AuthoritiesComponents
  /** The present one, SHA-256 in hexadecimal. */
  readonly present: string
  readonly #said = new Map<string, string>()
  /** Of what was said, what the database does not have yet. */
  #unwritten = new Map<string, string>()
  #timer: Disposable | undefined

  constructor(components: AuthoritiesComponents) {
    this.#components = components
    this.present = fingerprint('sha256', components.authority.der).toString('hex')
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
    if (!/^[0-9a-f]{64}$/.test(fingerprint) || this.#said.get(prefix) === fingerprint) return
    if (this.#said.size >= MAX_REMEMBERED) this.#said.clear()
    this.#said.set(prefix, fingerprint)
    this.#unwritten.set(prefix, fingerprint)
    const { clock, log } = this.#components
    this.#timer ??= clock.after(WRITE_AFTER_MS, () =>
      inBackground(log, 'writing who has which authority', this.save()),
    )
  }

  /** A machine is enrolled, in this transaction: it has got the present one here. */
  async enrolled(writable: Queries, prefix: string): Promise<void> {
    // What the one before had said who had this prefix is not its own.
    this.#said.delete(prefix)
    this.#unwritten.delete(prefix)
    await note(writable, prefix, this.present)
  }

  /** Writes what was said. */
  async save(): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const unwritten = this.#unwritten
    if (unwritten.size === 0) return
    this.#unwritten = new Map()
    try {
      await this.#components.store.write(
        async (writable) => {
          for (const [prefix, fingerprint] of unwritten) await note(writable, prefix, fingerprint)
        },
        { isExpendable: true },
      )
    } catch (error) {
      // It is taken when they say it again.
      for (const prefix of unwritten.keys()) this.#said.delete(prefix)
      throw error
    }
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

  /** All machines, in the order of their prefixes. */
  async *holders(): AsyncGenerator<AuthorityHolder> {
    await this.save()
    const { store } = this.#components
    let last = ''
    for (;;) {
      const rows = await store.all<{ prefix: string; not_after: number; fingerprint: string | null }>(
        'SELECT h.prefix AS prefix, h.not_after AS not_after, m.fingerprint AS fingerprint FROM holder h LEFT JOIN machine_authority m ON m.prefix = h.prefix WHERE h.reason IS NULL AND h.prefix > ? ORDER BY h.prefix LIMIT ?',
        ...[last, BATCH],
      )
      for (const { prefix, not_after: notAfter, fingerprint } of rows)
        yield { prefix, notAfterMs: Number(notAfter) * 1000, fingerprint: fingerprint ?? undefined }
      const end = rows.at(-1)
      if (rows.length < BATCH || !end) return
      last = end.prefix
      // Of a million of them: whoever calls meanwhile is answered in between.
      await setImmediate()
    }
  }

  /** Which one a machine has; undefined: nobody knows. */
  async of(prefix: string): Promise<string | undefined> {
    const unwritten = this.#unwritten.get(prefix)
    if (unwritten !== undefined) return unwritten
    const [row] = await this.#components.store.all<{ fingerprint: string }>(
      'SELECT fingerprint FROM machine_authority WHERE prefix = ?',
      prefix,
    )
    return row?.fingerprint
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.save().catch(() => {})
  }
}

async function note(writable: Queries, prefix: string, fingerprint: string): Promise<void> {
  await writable.run(
    'INSERT INTO machine_authority VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET fingerprint = excluded.fingerprint',
    ...[prefix, fingerprint],
  )
}
