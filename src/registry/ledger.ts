import { X509Certificate } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { FreeSpace } from '../core/allocation/free-space.ts'
import { readNodeCertificate } from '../core/crypto/certificate.ts'
import { Re6stError } from '../core/errors.ts'
import { ADDRESS_BITS, isBits } from '../core/values/bits.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import { type CertificateRow, HEAD_BITS, type HolderRow, RESERVED } from './database/tables.ts'
import { giveSubjectSerial, takeSubjectSerial, takeThisSubjectSerial } from './subject-serials.ts'

/** What the registry knows of a live certificate without reading it again. */
export interface Holder {
  readonly prefix: string
  readonly email: string | null
  readonly serial: number
  readonly subjectSerial: number
  readonly notAfterMs: number
}

/** Which holders are wanted. */
export interface HolderPage {
  /** Bits that their prefixes begin with. */
  readonly within: string
  readonly column: keyof typeof PAGE_ORDER
  readonly isDescending: boolean
  readonly offset: number
  readonly limit: number
}

/** Which holders are searched for: any of these is enough. */
export interface HolderSearch {
  /** Of an e-mail address, in small letters. */
  readonly part: string
  readonly serial: number | undefined
  /** Prefixes of those that have a name which is searched for. */
  readonly named: readonly string[]
}

/** What a page is in the order of, ascending: as the indexes have it, and without two that are the same. */
const PAGE_ORDER = {
  prefix: ['prefix'],
  serial: ['serial', 'prefix'],
  not_after: ['not_after', 'prefix'],
  email: ["COALESCE(email, '')", 'prefix'],
} as const

/** A prefix with its serials, given to one request, and to no other, until it is used or given back. */
export interface Reservation {
  readonly prefix: string
  readonly serial: number
  readonly subjectSerial: number
}

/** A certificate that was just made; its end in milliseconds since the Unix epoch. */
export interface IssuedCertificate {
  readonly pem: string
  readonly notAfterMs: number
}

/** A certificate of the database that the registry cannot use: its prefix stays occupied until it is revoked. */
export interface Unreadable {
  readonly prefix: string
  readonly reason: string
}

/** Holders that the database looks at before others have their turn: some milliseconds. */
const SEARCHED = 5_000

/** A request is answered long before that: who reserved it is gone. */
const RESERVED_SECONDS = 300

/**
 * Who has which prefix and serial, and the one place where these are given away: all of it is in the database, so that
 * several processes can, and looked up by indexes, so that the cost does not depend on how many certificates there are.
 * What changes something is called within a transaction.
 */
export class Ledger {
  readonly #store: Store
  readonly #networkLength: number

  constructor(store: Store, networkLength: number) {
    this.#store = store
    this.#networkLength = networkLength
  }

  /** Certificates that can be used. */
  size(): Promise<number> {
    return this.count('')
  }

  /** All certificates inside a prefix that can be used, in the order of their prefixes; each as it is when it is looked at. */
  async *holders(within = ''): AsyncGenerator<Holder> {
    let last = within
    let rows = await this.#store.holdersFrom(last)
    while (rows.length > 0) {
      for (const row of rows) {
        if (!row.prefix.startsWith(within)) return
        const holder = holderOf(row)
        if (holder) yield holder
        last = row.prefix
      }
      // Of a million of them: whoever calls meanwhile is answered in between.
      await setImmediate()
      rows = await this.#store.holdersAfter(last)
    }
  }

  /**
   * Those inside a prefix that are searched for, in the order of their prefixes: the database looks through some thousand at a time,
   * and only those found are read.
   */
  async *search(within: string, { part, serial, named }: HolderSearch): AsyncGenerator<Holder> {
    const end = endOf(within)
    const like = `%${part.replace(/[\\%_]/g, '\\$&')}%`
    let from = within
    while (from !== end) {
      const [next] = await this.#store.all<{ prefix: string }>(
        'SELECT prefix FROM holder WHERE prefix >= ? AND prefix < ? ORDER BY prefix LIMIT 1 OFFSET ?',
        ...[from, end, SEARCHED],
      )
      const until = next?.prefix ?? end
      const rows = await this.#store.all<HolderRow>(
        "SELECT * FROM holder WHERE prefix >= ? AND prefix < ? AND (LOWER(email) LIKE ? ESCAPE '\\' OR serial = ?)",
        ...[from, until, like, serial ?? null],
      )
      const found = new Map(rows.map((row) => [row.prefix, holderOf(row)] as const))
      for (const holder of await this.holdersOf(named.filter((one) => one >= from && one < until)))
        found.set(holder.prefix, holder)
      const inOrder = [...found].sort(([one], [other]) => (one < other ? -1 : 1))
      for (const [, holder] of inOrder) if (holder) yield holder
      from = until
      // Of a million of them: whoever calls meanwhile is answered in between.
      await setImmediate()
    }
  }

  /** Some of those inside a prefix, in the order of a column that has an index. */
  async page({ within, column, isDescending, offset, limit }: HolderPage): Promise<Holder[]> {
    const total = await this.count(within)
    const count = Math.min(limit, total - offset)
    if (count <= 0) return []
    // What comes before a page is passed by one after the other: so it is begun at the nearer end.
    const isFromEnd = offset > total / 2
    const direction = isDescending === isFromEnd ? 'ASC' : 'DESC'
    const order = PAGE_ORDER[column].map((key) => `${key} ${direction}`).join(', ')
    // Of the whole network no range is named: SQLite would read all of it by prefix, and sort that.
    const range = within === '' ? '' : 'AND prefix >= ? AND prefix < ?'
    const rows = await this.#store.all<HolderRow>(
      `SELECT * FROM holder WHERE reason IS NULL ${range} ORDER BY ${order} LIMIT ? OFFSET ?`,
      ...(within === '' ? [] : [within, endOf(within)]),
      ...[count, isFromEnd ? total - offset - count : offset],
    )
    return (isFromEnd ? rows.toReversed() : rows).flatMap((row) => holderOf(row) ?? [])
  }

  /** Those that end after one time and by another, the next to end first; each as it is when it is looked at. */
  async *ending(afterMs: number, untilMs: number): AsyncGenerator<Holder> {
    // Comes after all prefixes.
    let last = { not_after: Math.floor(afterMs / 1000), prefix: '2' }
    for (;;) {
      const until = Math.floor(untilMs / 1000)
      const rows = await this.#store.holdersEnding(last.not_after, last.prefix, until)
      if (rows.length === 0) return
      for (const row of rows) {
        const holder = holderOf(row)
        if (holder) yield holder
        last = { not_after: row.not_after ?? 0, prefix: row.prefix }
      }
      await setImmediate()
    }
  }

  /** How many end after one time and by another; without the other, after it. The more they are, the longer it takes. */
  countEnding(afterMs: number, untilMs?: number): Promise<number> {
    const until = untilMs === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(untilMs / 1000)
    return this.#store.countHoldersEnding(Math.floor(afterMs / 1000), until)
  }

  /** Those of these prefixes that can be used. */
  async holdersOf(prefixes: readonly string[]): Promise<Holder[]> {
    const rows = await this.#store.allIn<HolderRow>('SELECT * FROM holder WHERE prefix IN ?', prefixes)
    return rows.flatMap((row) => holderOf(row) ?? [])
  }

  /** How many there are inside a prefix. */
  async count(within: string): Promise<number> {
    if (within.length <= HEAD_BITS) return this.#store.countHolders(within, endOf(within))
    const [row] = await this.#store.all<{ n: number }>(
      'SELECT COUNT(*) AS n FROM holder WHERE reason IS NULL AND prefix >= ? AND prefix < ?',
      ...[within, endOf(within)],
    )
    return row?.n ?? 0
  }

  async unreadable(): Promise<Unreadable[]> {
    return (await this.#store.unreadable()).map(({ prefix, reason }) => ({ prefix, reason: reason ?? '' }))
  }

  async holder(prefix: string, queries: Queries = this.#store): Promise<Holder | undefined> {
    return holderOf(await queries.holder(prefix))
  }

  async holderOfSerial(serial: number, queries: Queries = this.#store): Promise<Holder | undefined> {
    return holderOf(await queries.holderOfSerial(serial))
  }

  /** The first certificate that was given for an e-mail address. */
  async holderOfEmail(email: string): Promise<Holder | undefined> {
    return holderOf(await this.#store.holderOfEmail(email))
  }

  /** Those whose certificates ended before this. */
  async endedBefore(queries: Queries, unixMs: number): Promise<Holder[]> {
    const rows = await queries.holdersEndedBefore(Math.ceil(unixMs / 1000))
    return rows.flatMap((row) => holderOf(row) ?? [])
  }

  /** Whether a prefix is given to somebody, or can be to nobody. */
  async isUsed(prefix: string): Promise<boolean> {
    const row = await this.#store.certificate(prefix)
    return row !== undefined && row.cert !== null
  }

  /** Learns what another implementation has changed while it had the database: some prefixes at a time. */
  async learnChanges(): Promise<void> {
    let isMore = true
    while (isMore)
      isMore = await this.#store.write(async (writable) => {
        const changed = await writable.changedPrefixes()
        for (const prefix of changed) await learn(writable, prefix)
        return changed.length > 0
      })
  }

  /**
   * Gives a prefix and serials to one request.
   * @throws Re6stError `EXHAUSTED` when the community has none left
   */
  async reserve(
    writable: Queries,
    {
      community,
      length,
      nowMs,
    }: { readonly community: string; readonly length: number; readonly nowMs: number },
  ): Promise<Reservation> {
    if (this.#networkLength + community.length + length > ADDRESS_BITS)
      throw new Re6stError(
        'EXHAUSTED',
        `a prefix of ${length} bits does not fit behind the network's ${this.#networkLength}`,
      )
    for (;;) {
      const prefix = await allocate(writable, community, length)
      if (prefix === undefined)
        throw new Re6stError('EXHAUSTED', `no prefix of ${length} bits is left in community "${community}"`)
      if (
        this.#networkLength + prefix.length === ADDRESS_BITS &&
        !prefix.slice(community.length).includes('1')
      ) {
        // All zeros is the subnet-router anycast address (RFC 4291, 2.6.1): never a node's.
        await writable.setCertificate({ prefix, email: null, cert: RESERVED })
        continue
      }
      const serial = await this.takeSerial(writable)
      const subjectSerial = await takeSubjectSerial(writable)
      // In the table `cert`, it is free until there is a certificate: a crash leaves no half of it.
      await writable.addReservation({
        prefix,
        serial,
        subject_serial: subjectSerial,
        date: Math.floor(nowMs / 1000),
      })
      return { prefix, serial, subjectSerial }
    }
  }

  /** A serial for a certificate; it is never given again. */
  async takeSerial(writable: Queries): Promise<number> {
    const serial = Number((await writable.config('serial')) ?? 0) + 1
    await writable.setConfig('serial', serial)
    return serial
  }

  /** The certificate could not be made: its prefix is free again. Its serial is never used. */
  async giveBack(writable: Queries, { prefix, serial }: Reservation): Promise<void> {
    const reservation = await writable.deleteReservation(prefix, serial)
    if (reservation) await giveSubjectSerial(writable, reservation.subject_serial)
  }

  /** What was reserved so long ago that whoever did it is gone is free again. */
  async giveBackOld(writable: Queries, nowMs: number): Promise<void> {
    for (const { prefix, serial, subject_serial: subjectSerial } of await writable.reservationsBefore(
      Math.floor(nowMs / 1000) - RESERVED_SECONDS,
    ))
      await this.giveBack(writable, { prefix, serial, subjectSerial })
  }

  /** The certificate was made, with what was reserved. @returns whether that was still reserved: else it is nobody's */
  async settle(
    writable: Queries,
    { prefix, serial, subjectSerial }: Reservation,
    email: string | null,
    { pem, notAfterMs }: IssuedCertificate,
  ): Promise<boolean> {
    if (!(await writable.deleteReservation(prefix, serial))) return false
    await writable.setCertificate({ prefix, email, cert: pem })
    await hold(writable, { prefix, email, serial, subjectSerial, notAfterMs })
    return true
  }

  /** A certificate takes the place of the one before, with the same prefix and subject. */
  async replace(
    writable: Queries,
    before: Holder,
    { serial, pem, notAfterMs }: IssuedCertificate & { readonly serial: number },
  ): Promise<void> {
    await writable.setCertificate({ prefix: before.prefix, email: before.email, cert: pem })
    await hold(writable, { ...before, serial, notAfterMs })
  }

  /** The prefix is free again. @returns whether somebody held it */
  async release(writable: Queries, prefix: string): Promise<boolean> {
    const holder = await writable.deleteHolder(prefix)
    if (!holder) return false
    await writable.setCertificate({ prefix, email: null, cert: null })
    // Where it was is not where the next one is that has this prefix.
    await writable.deleteNodeAddress(prefix)
    if (holder.subject_serial !== null) await giveSubjectSerial(writable, holder.subject_serial)
    return true
  }

  /** Merges free siblings. */
  async merge(writable: Queries): Promise<void> {
    const { removed, added } = new FreeSpace(await writable.freePrefixes()).merge()
    for (const prefix of removed) await writable.deletePrefix(prefix)
    for (const prefix of added) await writable.setCertificate({ prefix, email: null, cert: null })
  }
}

/** Takes a free prefix of `length` bits after the community's: what is split for it, and how, is as recorded (protocol, section 9). */
async function allocate(writable: Queries, community: string, length: number): Promise<string | undefined> {
  const target = community.length + length
  const taken = (await writable.longestFree(community, target)) ?? (await freeAround(writable, community))
  if (taken === undefined) return undefined
  const allocation = new FreeSpace([taken]).allocate(community, length)
  if (!allocation) return undefined
  if (allocation.prefix !== taken) {
    await writable.deletePrefix(taken)
    for (const prefix of [...allocation.left, allocation.prefix])
      await writable.setCertificate({ prefix, email: null, cert: null })
  }
  return allocation.prefix
}

async function freeAround(writable: Queries, community: string): Promise<string | undefined> {
  for (let length = community.length - 1; length >= 0; length--) {
    const prefix = community.slice(0, length)
    if (await writable.isFree(prefix)) return prefix
  }
  return undefined
}

/** A row of `cert` was changed by somebody else. One that cannot be read must not keep the network from being served. */
async function learn(writable: Queries, prefix: string): Promise<void> {
  const before = await writable.deleteHolder(prefix)
  if (before?.subject_serial != null) await giveSubjectSerial(writable, before.subject_serial)
  await writable.forgetChanged(prefix)
  const row = await writable.certificate(prefix)
  if (!row || row.cert === null || row.cert === RESERVED || !isBits(prefix)) return
  const certificate = readNodeCertificate(row.cert)
  if (certificate.ok) {
    const { serial, subjectSerial = 0, notAfterMs } = certificate.value
    await hold(writable, { prefix, email: row.email, serial: Number(serial), subjectSerial, notAfterMs })
    await takeThisSubjectSerial(writable, subjectSerial)
    return
  }
  const { serial = null, notAfter = null } = issuedOf(row)
  const reason = certificate.reason
  await writable.setHolder({
    prefix,
    email: row.email,
    serial,
    subject_serial: null,
    not_after: notAfter,
    reason,
  })
  if (serial !== null && notAfter !== null) await writable.addIssued({ serial, prefix, date: notAfter })
}

async function hold(writable: Queries, holder: Holder): Promise<void> {
  const { prefix, email, serial, subjectSerial } = holder
  // The certificate says it in seconds.
  const date = Math.floor(holder.notAfterMs / 1000)
  await writable.setHolder({
    prefix,
    email,
    serial,
    subject_serial: subjectSerial,
    not_after: date,
    reason: null,
  })
  await writable.addIssued({ serial, prefix, date })
}

/** Comes after all prefixes that begin with these bits. */
const endOf = (within: string): string => `${within}2`

const holderOf = (row: HolderRow | undefined): Holder | undefined =>
  row === undefined || row.reason !== null
    ? undefined
    : {
        prefix: row.prefix,
        email: row.email,
        serial: row.serial ?? 0,
        subjectSerial: row.subject_serial ?? 0,
        notAfterMs: (row.not_after ?? 0) * 1000,
      }

/** Of a certificate that is no node's for us (an EC key, another common name): OpenVPN may accept it. */
function issuedOf({ cert }: CertificateRow): { readonly serial?: number; readonly notAfter?: number } {
  try {
    const x509 = new X509Certificate(cert ?? '')
    const serial = Number(`0x${x509.serialNumber}`)
    const notAfterMs = Date.parse(x509.validTo)
    return Number.isSafeInteger(serial) && serial > 0 && !Number.isNaN(notAfterMs)
      ? { serial, notAfter: Math.floor(notAfterMs / 1000) }
      : {}
  } catch {
    return {}
  }
}
