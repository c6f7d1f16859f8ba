import { X509Certificate } from 'node:crypto'
import { FreeSpace } from '../core/allocation/free-space.ts'
import { readNodeCertificate } from '../core/crypto/certificate.ts'
import { Re6stError } from '../core/errors.ts'
import { ADDRESS_BITS, isBits } from '../core/values/bits.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import { type CertificateRow, RESERVED } from './database/tables.ts'
import { type Holder, Holders } from './holders.ts'
import { giveSubjectSerial, takeSubjectSerial, takeThisSubjectSerial } from './subject-serials.ts'

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

/** A request is answered long before that: who reserved it is gone. */
const RESERVED_SECONDS = 300

/**
 * Who has which prefix and serial, and the one place where these are given away: all of it is in the database, so that
 * several processes can, and looked up by indexes, so that the cost does not depend on how many certificates there are.
 * What changes something is called within a transaction.
 */
export class Ledger extends Holders {
  readonly #store: Store
  readonly #networkLength: number

  constructor(store: Store, networkLength: number) {
    super(store)
    this.#store = store
    this.#networkLength = networkLength
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
