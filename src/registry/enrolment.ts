import { randomInt } from 'node:crypto'
import type { Communities, Location } from '../core/allocation/community.ts'
import { parseLocation } from '../core/allocation/community.ts'
import { Re6stError } from '../core/errors.ts'
import { isEmailAddress } from '../core/values/email-address.ts'
import { prefixOfBits, subnetNameOf } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { NetworkConfiguration } from './configuration.ts'
import type { CryptoPool } from './crypto/pool.ts'
import type { Store, Write } from './database/store.ts'
import type { GeoIp } from './geoip.ts'
import type { Ledger } from './ledger.ts'
import type { Mailer } from './mail.ts'
import { Refusal } from './refusal.ts'

/** Who may register, and how long their prefixes are in bits; 0: nobody. */
export interface RegistrationSettings {
  readonly mailPrefixLength: number
  readonly anonymousPrefixLength: number
  /** Sender of the mails: the CA's e-mail address. */
  readonly mailSender: string
}

/** What enrolment needs. */
export interface EnrolmentComponents {
  readonly store: Store
  readonly ledger: Ledger
  readonly pool: Pick<CryptoPool, 'checkRequest' | 'issue'>
  readonly configuration: Pick<NetworkConfiguration, 'registryPrefix' | 'publish'>
  readonly communities: Communities
  readonly mailer: Mailer | undefined
  readonly geoip: GeoIp | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** How long a new certificate is valid. */
const VALIDITY_MS = 365 * 24 * 3600 * 1000
/** With less than this left, a certificate is renewed. */
const RENEWAL_PERIOD_MS = 30 * 24 * 3600 * 1000

const TOKEN_LENGTH = 8

/** Tokens and certificates: who gets which prefix. */
export class Enrolment {
  readonly #components: EnrolmentComponents
  readonly #settings: RegistrationSettings
  /** Tokens for which a certificate is being made: each works once, also for two calls at the same moment. */
  readonly #tokensInUse = new Set<string>()

  constructor(components: EnrolmentComponents, settings: RegistrationSettings) {
    this.#components = components
    this.#settings = settings
  }

  /** Mails a new token. @throws Refusal without mail, or when registration by mail is disabled */
  async requestToken(email: string): Promise<void> {
    const { mailer, store } = this.#components
    if (!mailer) throw new Refusal(403, 'there is no --mailhost')
    if (!isEmailAddress(email)) throw new Refusal(400, 'not an e-mail address')
    const token = await this.addToken(email, '')
    try {
      await mailer.send({
        from: this.#settings.mailSender,
        to: email,
        subject: '[re6stnet] Token to join the network',
        text: `Hello,\n\nsomebody, probably you, asked to join a re6st network with this address.\nGive this to re6st-conf, as --token or when it asks:\n\nToken: ${token}\n\nIt can be used once. If it was not you, ignore this mail.\n`,
      })
    } catch (error) {
      await store.write((writable) => writable.deleteToken(token))
      throw error
    }
  }

  /** Adds a token; makes one up if it is empty. @throws Refusal if it exists, or when registration by mail is disabled */
  async addToken(email: string, given: string): Promise<string> {
    const { store, clock } = this.#components
    if (this.#settings.mailPrefixLength === 0) throw new Refusal(403, 'registration by mail is disabled')
    const token = given === '' ? this.#newToken() : given
    if (store.token(token)) throw new Refusal(409, 'the token exists')
    const row = {
      token,
      email,
      prefix_len: this.#settings.mailPrefixLength,
      date: Math.floor(clock.now() / 1000),
    }
    await store.write((writable) => writable.addToken(row))
    return token
  }

  #newToken(): string {
    for (;;) {
      const token = Array.from({ length: TOKEN_LENGTH }, () => String.fromCharCode(97 + randomInt(26))).join(
        '',
      )
      if (!this.#components.store.token(token)) return token
    }
  }

  /**
   * Makes a certificate; undefined for a token that is not known, or was used. An empty token asks for an anonymous
   * one. A token is used up only by a certificate that is on the disk.
   * @throws Refusal for a CSR that cannot be used, a disabled registration, or an exhausted network
   */
  async requestCertificate(
    token: string,
    csr: string,
    location: () => Location | undefined,
  ): Promise<string | undefined> {
    const { pool } = this.#components
    const request = this.#registrationOf(token)
    if (!request) return undefined
    const problem = await pool.checkRequest(csr)
    if (problem !== undefined) throw new Refusal(400, `the certificate request cannot be used: ${problem}`)
    if (token === '') return this.#issue(csr, request, location())
    // Checked again: time has passed.
    if (this.#tokensInUse.has(token) || !this.#registrationOf(token)) return undefined
    this.#tokensInUse.add(token)
    try {
      return await this.#issue(csr, request, location(), token)
    } finally {
      this.#tokensInUse.delete(token)
    }
  }

  #registrationOf(token: string): { readonly email: string | null; readonly length: number } | undefined {
    if (token === '') {
      if (this.#settings.anonymousPrefixLength === 0)
        throw new Refusal(403, 'anonymous registration is disabled')
      return { email: null, length: this.#settings.anonymousPrefixLength }
    }
    if (this.#settings.mailPrefixLength === 0) throw new Refusal(403, 'registration by mail is disabled')
    const row = this.#components.store.token(token)
    return row ? { email: row.email, length: row.prefix_len } : undefined
  }

  async #issue(
    csr: string,
    { email, length }: { readonly email: string | null; readonly length: number },
    location: Location | undefined,
    token?: string,
  ): Promise<string> {
    const { ledger, pool, store, clock, communities, configuration, log } = this.#components
    const reservation = this.#reserve(communities.of(location), length)
    const { prefix, serial, subjectSerial } = reservation
    const subnetName = subnetNameOf(prefixOfBits(prefix))
    let pem: string
    const isFirst = configuration.registryPrefix === undefined
    const nowMs = clock.now()
    const notAfterMs = nowMs + VALIDITY_MS
    try {
      const source = { kind: 'request', pem: csr } as const
      pem = await pool.issue({
        source,
        serial,
        subjectSerial,
        subnetName,
        notBeforeMs: nowMs,
        notAfterMs,
      })
    } catch (error) {
      ledger.giveBack(reservation)
      throw error
    }
    try {
      await store.write((writable) => {
        ledger.settle(reservation, email, { pem, notAfterMs })
        ledger.saveTo(writable)
        if (token !== undefined) writable.deleteToken(token)
        if (writable.config('prefix') === undefined) writable.setConfig('prefix', prefix)
      })
    } catch (error) {
      // A transaction that did not even begin has not settled it.
      if (ledger.holder(prefix)) ledger.release(prefix)
      else ledger.giveBack(reservation)
      throw error
    }
    log.info({ peer: subnetName, serial }, 'certificate issued')
    // The certificate is there, whatever becomes of the version: that is published later, then.
    if (isFirst) await configuration.publish().catch(() => false)
    return pem
  }

  #reserve(community: string, length: number) {
    try {
      return this.#components.ledger.reserve(community, length)
    } catch (error) {
      if (error instanceof Re6stError && error.code === 'EXHAUSTED') throw new Refusal(507, error.message)
      throw error
    }
  }

  /**
   * The node's certificate: a new one if less than 30 days are left, or if the present one is revoked (with the same
   * end, then), else the present one.
   */
  async renewCertificate(prefix: string): Promise<string> {
    const { ledger, pool, store, clock, log } = this.#components
    const holder = ledger.holder(prefix)
    const present = store.certificate(prefix)?.cert
    if (!holder || !present) throw new Refusal(404, 'there is no certificate for this prefix')
    const nowMs = clock.now()
    const isDue = holder.notAfterMs - nowMs < RENEWAL_PERIOD_MS
    const isRevoked = store.isRevoked(holder.serial)
    if (!isDue && !isRevoked) return present
    const serial = ledger.takeSerial()
    const pem = await pool.issue({
      source: { kind: 'certificate', pem: present },
      serial,
      subjectSerial: holder.subjectSerial,
      subnetName: subnetNameOf(prefixOfBits(prefix)),
      notBeforeMs: nowMs,
      notAfterMs: isDue ? nowMs + VALIDITY_MS : holder.notAfterMs,
    })
    let isReplaced = false
    const write: Write = (writable) => {
      // Time has passed: another call may have renewed it, or the machine may be revoked, and its prefix another's.
      const { serial: presentSerial } = ledger.holder(prefix) ?? {}
      isReplaced = presentSerial === holder.serial || presentSerial === serial
      if (!isReplaced) return
      ledger.replace(prefix, pem)
      ledger.saveTo(writable)
    }
    try {
      await store.write(write)
    } catch (error) {
      if (ledger.holder(prefix)?.serial === serial) ledger.replace(prefix, present)
      throw error
    }
    if (!isReplaced) return this.renewCertificate(prefix)
    log.info({ peer: subnetNameOf(prefixOfBits(prefix)), serial }, 'certificate renewed')
    return pem
  }

  /** Where a machine is: as it says itself, else by its address. @throws Refusal for a malformed location */
  locationOf(location: string, address: string): Location | undefined {
    if (location === '') return this.#components.geoip?.locate(address)
    const given = parseLocation(location)
    if (!given) throw new Refusal(400, 'the location is not COUNTRY,CONTINENT')
    return given
  }
}
