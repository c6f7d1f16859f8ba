import { X509Certificate } from 'node:crypto'
import { FreeSpace } from '../core/allocation/free-space.ts'
import { readNodeCertificate } from '../core/crypto/certificate.ts'
import { Re6stError } from '../core/errors.ts'
import { ok, type Result } from '../core/result.ts'
import { ADDRESS_BITS, isBits } from '../core/values/bits.ts'
import { type CertificateRow, RESERVED } from './database/database.ts'
import type { IssuedRow, Store } from './database/store.ts'
import { SmallestFree } from './smallest-free.ts'

/** What the registry knows of a live certificate without reading it again. */
export interface Holder {
  readonly prefix: string
  readonly email: string | null
  readonly serial: number
  readonly subjectSerial: number
  readonly notAfterMs: number
}

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
  /** Of one that can be read at least so far: OpenVPN may accept it. */
  readonly issued: Issued | undefined
}

/** What must be known of a certificate to revoke it. */
interface Issued {
  readonly serial: number
  readonly notAfterMs: number
}

type Used = { readonly kind: 'used'; readonly row: CertificateRow; readonly issued?: Issued }
/** What the database must hold for a prefix; a reservation stands there as free, so that a crash leaves no half of it. */
type Place = { readonly kind: 'free' } | { readonly kind: 'pending' } | Used

/**
 * Who has which prefix and serial: an index over the table `cert`, so that the cost of each method does not depend on
 * how many certificates there are, and the one place where prefixes and serials are given away.
 */
export class Ledger {
  readonly #networkLength: number
  readonly #free: FreeSpace
  readonly #holders = new Map<string, Holder>()
  readonly #prefixBySerial = new Map<number, string>()
  readonly #prefixesByEmail = new Map<string, Set<string>>()
  readonly #subjectSerials = new SmallestFree()
  readonly #occupied = new Set<string>()
  readonly #unreadable = new Map<string, Unreadable>()
  /** Prefixes whose row in the database is not what it must be. */
  readonly #dirty = new Map<string, Place | undefined>()
  /** Written in a transaction that has not ended. */
  readonly #unconfirmed = new Map<string, Place | undefined>()
  #lastSerial: number

  constructor(store: Store, networkLength: number) {
    this.#networkLength = networkLength
    this.#lastSerial = Number(store.config('serial') ?? 0)
    const free: string[] = []
    for (const row of store.certificates()) {
      if (!isBits(row.prefix)) continue
      if (row.cert === null) free.push(row.prefix)
      else if (row.cert === RESERVED) this.#occupied.add(row.prefix)
      else this.#load(row)
    }
    this.#free = new FreeSpace(free)
    store.onTransactionEnd((isCommitted) => {
      // Rolled back: what was written must be written again, unless it has changed since.
      if (!isCommitted)
        for (const [prefix, place] of this.#unconfirmed)
          if (!this.#dirty.has(prefix)) this.#dirty.set(prefix, place)
      this.#unconfirmed.clear()
    })
  }

  get size(): number {
    return this.#holders.size
  }

  /** Certificates that were in the database when it was opened, and that the registry cannot use. */
  unreadable(): IterableIterator<Unreadable> {
    return this.#unreadable.values()
  }

  holder(prefix: string): Holder | undefined {
    return this.#holders.get(prefix)
  }

  holders(): IterableIterator<Holder> {
    return this.#holders.values()
  }

  holderOfSerial(serial: number): Holder | undefined {
    return this.#holders.get(this.#prefixBySerial.get(serial) ?? '-')
  }

  /** The first certificate that was given for an e-mail address. */
  holderOfEmail(email: string): Holder | undefined {
    const [first] = this.#prefixesByEmail.get(email) ?? []
    return first === undefined ? undefined : this.#holders.get(first)
  }

  isUsed(prefix: string): boolean {
    return this.#holders.has(prefix) || this.#occupied.has(prefix) || this.#unreadable.has(prefix)
  }

  /**
   * Gives a prefix and serials to one request.
   * @throws Re6stError `EXHAUSTED` when the community has none left: nothing changed then
   */
  reserve(community: string, length: number): Reservation {
    if (this.#networkLength + community.length + length > ADDRESS_BITS)
      throw new Re6stError(
        'EXHAUSTED',
        `a prefix of ${length} bits does not fit behind the network's ${this.#networkLength}`,
      )
    for (;;) {
      const allocation = this.#free.allocate(community, length)
      if (!allocation)
        throw new Re6stError('EXHAUSTED', `no prefix of ${length} bits is left in community "${community}"`)
      const { prefix, taken, left } = allocation
      this.#dirty.set(taken, undefined)
      for (const free of left) this.#dirty.set(free, { kind: 'free' })
      if (
        this.#networkLength + prefix.length === ADDRESS_BITS &&
        !prefix.slice(community.length).includes('1')
      ) {
        // All zeros is the subnet-router anycast address (RFC 4291, 2.6.1): never a node's.
        this.#occupied.add(prefix)
        this.#dirty.set(prefix, { kind: 'used', row: { prefix, email: null, cert: RESERVED } })
        continue
      }
      this.#dirty.set(prefix, { kind: 'pending' })
      return { prefix, serial: this.#takeSerial(), subjectSerial: this.#subjectSerials.take() }
    }
  }

  /** A serial for a certificate that takes the place of another. */
  takeSerial(): number {
    return this.#takeSerial()
  }

  /** The certificate could not be made: its prefix is free again. Its serial is never used. */
  giveBack({ prefix, subjectSerial }: Reservation): void {
    this.#subjectSerials.give(subjectSerial)
    this.#free.add(prefix)
    this.#dirty.set(prefix, { kind: 'free' })
  }

  /** The certificate was made, with what was reserved: `saveTo` will write it. Call it in the same transaction. */
  settle(reservation: Reservation, email: string | null, certificate: IssuedCertificate): void {
    const { pem, notAfterMs } = certificate
    // The certificate says it in seconds.
    this.#settle({ ...reservation, email, notAfterMs: notAfterMs - (notAfterMs % 1000) }, pem)
  }

  /** A certificate takes the place of the one before, with the same prefix. @throws if it cannot be read */
  replace(prefix: string, pem: string): void {
    const before = this.#holders.get(prefix)
    const holder = holderOf({ prefix, email: before?.email ?? null, cert: pem })
    if (!holder.ok) throw new Error(holder.reason)
    if (before) this.#forget(before)
    this.#settle(holder.value, pem)
    // The subject serial is the same: the one before gave it back.
    this.#subjectSerials.takeThis(this.#holders.get(prefix)?.subjectSerial ?? 0)
  }

  /**
   * The prefix is free again, if somebody held it.
   * @returns what undoes it when it could not be written, to be called before any time has passed; undefined if nobody
   * held it
   */
  release(prefix: string): (() => void) | undefined {
    const holder = this.#holders.get(prefix)
    const unreadable = this.#unreadable.get(prefix)
    if (!holder && !unreadable) return undefined
    if (holder) this.#forget(holder)
    this.#unreadable.delete(prefix)
    this.#free.add(prefix)
    this.#dirty.set(prefix, { kind: 'free' })
    return () => {
      this.#free.delete(prefix)
      // The row in the database is as it was: the transaction was rolled back.
      this.#dirty.delete(prefix)
      if (holder) this.#hold(holder)
      if (unreadable) this.#unreadable.set(prefix, unreadable)
    }
  }

  /** Writes down the serials of all certificates in the database: another implementation may have made some. */
  recordIssued(store: Store): void {
    for (const holder of this.#holders.values()) store.addIssued(issuedRow(holder.prefix, holder))
    for (const { prefix, issued } of this.#unreadable.values())
      if (issued) store.addIssued(issuedRow(prefix, issued))
  }

  /** Merges free siblings. */
  merge(): void {
    const { removed, added } = this.#free.merge()
    for (const prefix of removed) this.#dirty.set(prefix, undefined)
    for (const prefix of added) this.#dirty.set(prefix, { kind: 'free' })
  }

  /** Writes what has changed: within a transaction, this leaves the table a partition of the network. */
  saveTo(store: Store): void {
    for (const [prefix, place] of this.#dirty) {
      this.#unconfirmed.set(prefix, place)
      if (place === undefined) store.deletePrefix(prefix)
      else if (place.kind === 'used') {
        store.setCertificate(place.row)
        if (place.issued) store.addIssued(issuedRow(prefix, place.issued))
      } else store.setCertificate({ prefix, email: null, cert: null })
    }
    store.setConfig('serial', this.#lastSerial)
    this.#dirty.clear()
  }

  #settle(holder: Holder, pem: string): void {
    const { prefix, email } = holder
    this.#hold(holder)
    this.#dirty.set(prefix, { kind: 'used', row: { prefix, email, cert: pem }, issued: holder })
  }

  #takeSerial(): number {
    this.#lastSerial += 1
    return this.#lastSerial
  }

  /** One row that cannot be read must not keep the network from being served. */
  #load(row: CertificateRow): void {
    const holder = holderOf(row)
    if (holder.ok) this.#hold(holder.value)
    else
      this.#unreadable.set(row.prefix, { prefix: row.prefix, reason: holder.reason, issued: issuedOf(row) })
  }

  #hold(holder: Holder): void {
    this.#holders.set(holder.prefix, holder)
    this.#prefixBySerial.set(holder.serial, holder.prefix)
    this.#subjectSerials.takeThis(holder.subjectSerial)
    if (holder.email === null) return
    const prefixes = this.#prefixesByEmail.get(holder.email)
    if (prefixes) prefixes.add(holder.prefix)
    else this.#prefixesByEmail.set(holder.email, new Set([holder.prefix]))
  }

  #forget(holder: Holder): void {
    this.#holders.delete(holder.prefix)
    this.#prefixBySerial.delete(holder.serial)
    this.#subjectSerials.give(holder.subjectSerial)
    if (holder.email !== null) this.#prefixesByEmail.get(holder.email)?.delete(holder.prefix)
  }
}

function holderOf({ prefix, email, cert }: CertificateRow): Result<Holder> {
  const certificate = readNodeCertificate(cert ?? '')
  if (!certificate.ok) return certificate
  const { serial, subjectSerial = 0, notAfterMs } = certificate.value
  return ok({ prefix, email, serial: Number(serial), subjectSerial, notAfterMs })
}

const issuedRow = (prefix: string, { serial, notAfterMs }: Issued): IssuedRow => ({
  serial,
  prefix,
  date: Math.floor(notAfterMs / 1000),
})

/** Of a certificate that is no node's for us (an EC key, another common name). */
function issuedOf({ cert }: CertificateRow): Issued | undefined {
  try {
    const x509 = new X509Certificate(cert ?? '')
    const serial = Number(`0x${x509.serialNumber}`)
    const notAfterMs = Date.parse(x509.validTo)
    return Number.isSafeInteger(serial) && serial > 0 && !Number.isNaN(notAfterMs)
      ? { serial, notAfterMs }
      : undefined
  } catch {
    return undefined
  }
}
