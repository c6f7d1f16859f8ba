import type { Communities, Location } from '../core/allocation/community.ts'
import { parseLocation } from '../core/allocation/community.ts'
import { DAY_MS } from '../core/day.ts'
import { Re6stError } from '../core/errors.ts'
import { subnetNameOfBits } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { forgetHistory, recordEvent } from './api/history.ts'
import { invitationOf, useToken } from './api/invitations.ts'
import type { Authorities } from './authorities.ts'
import type { NetworkConfiguration } from './configuration.ts'
import type { CaCryptography } from './crypto/cryptography.ts'
import type { Store } from './database/store.ts'
import type { Followers } from './followers.ts'
import type { GeoIp } from './geoip.ts'
import type { Ledger, Reservation } from './ledger.ts'
import type { MachineSoftware } from './machine-software.ts'
import type { Mailer } from './mail.ts'
import { Refusal } from './refusal.ts'
import { TokenRequests } from './token-requests.ts'
import { Tokens } from './tokens.ts'
import { type Delivery, noteUnheard, UnheardCertificates } from './unheard-certificates.ts'
import { WrongTokens } from './wrong-tokens.ts'

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
  readonly cryptography: Pick<CaCryptography, 'checkRequest' | 'issue'>
  readonly configuration: Pick<NetworkConfiguration, 'registryPrefix' | 'publish'> & {
    readonly followers: Pick<Followers, 'forget'>
  }
  readonly communities: Communities
  readonly authorities: Pick<Authorities, 'enrolled'>
  readonly software: Pick<MachineSoftware, 'forget'>
  readonly mailer: Mailer | undefined
  readonly geoip: GeoIp | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** What a certificate is given for. */
interface Registration {
  readonly email: string | null
  readonly length: number
  /** How many may ask at the same time: those for whom it was used already may not have been told of it yet. */
  readonly uses: number
  /** Undefined: by where the machine is. */
  readonly community: string | undefined
}

/** A certificate that is on the disk. */
interface Issued {
  readonly pem: string
  readonly prefix: string
  readonly serial: number
}

/** All that was written for it is undone. */
class TokenGone extends Error {}

/** How long a new certificate is valid. */
const VALIDITY_MS = 365 * DAY_MS
/** With less than this left, a certificate is renewed. */
const RENEWAL_PERIOD_MS = 30 * DAY_MS

/** Certificates: who gets which prefix. */
export class Enrolment {
  readonly #components: EnrolmentComponents
  readonly #settings: RegistrationSettings
  readonly tokens: Tokens
  readonly tokenRequests: TokenRequests
  readonly #wrong: WrongTokens
  readonly #unheard: UnheardCertificates

  constructor(components: EnrolmentComponents, settings: RegistrationSettings) {
    this.#components = components
    this.#settings = settings
    this.tokens = new Tokens({ ...components, ...settings })
    this.tokenRequests = new TokenRequests(this.tokens, components.clock)
    this.#unheard = new UnheardCertificates(components.store, components.clock)
    this.#wrong = new WrongTokens(components.clock, components.log)
  }

  /**
   * Makes a certificate; undefined for a token that is not known, or was used. An empty token asks for an anonymous
   * one. A token is used up only by a certificate that is on the disk; who was not sent it gets it with the same token and key.
   * @param where who asks, as one source: guesses are counted by it; where it is; and whether it hears the answer
   * @throws Refusal for a CSR that cannot be used, too many wrong tokens, a disabled registration, or an exhausted network
   */
  async requestCertificate(
    token: string,
    csr: string,
    where: {
      readonly source: string | undefined
      readonly location: () => Location | undefined
      readonly delivery: Delivery
    },
  ): Promise<string | undefined> {
    const { cryptography } = this.#components
    const retryAfterMs = this.#wrong.waitMs(token, where.source)
    if (retryAfterMs > 0) throw new Refusal(429, 'too many wrong tokens: try again later', { retryAfterMs })
    const { delivery } = where
    const unheard = await this.#unheardFor(token, csr, delivery)
    if (unheard !== undefined) return unheard
    const request = await this.#registrationOf(token)
    if (!request) {
      // It may have been used for the same machine in between.
      const pem = await this.#unheardFor(token, csr, delivery)
      if (pem === undefined) this.#wrong.count(where.source)
      return pem
    }
    const problem = cryptography.checkRequest(csr)
    if (problem !== undefined) throw new Refusal(400, `the certificate request cannot be used: ${problem}`)
    if (token === '') return (await this.#issue(csr, request, where.location()))?.pem
    // Each works once, also for two calls at the same moment.
    const { making, isGone } = this.#unheard.underWay(token)
    if (making >= request.uses) {
      if (isGone) throw new Refusal(503, 'a certificate is being made for this token: try again later')
      return undefined
    }
    this.#unheard.begin(token, delivery)
    let issued: Issued | undefined
    try {
      issued = await this.#issue(csr, request, where.location(), token)
    } finally {
      if (issued) this.#unheard.answer(token, issued, delivery)
      else this.#unheard.end(token, delivery)
    }
    // Another process may have used the token for the same machine.
    return issued?.pem ?? this.#unheardFor(token, csr, delivery)
  }

  /** A certificate that was made before for the same token and key, and that nobody has got. */
  async #unheardFor(token: string, csr: string, delivery: Delivery): Promise<string | undefined> {
    if (token === '') return undefined
    const found = await this.#unheard.find(token, csr)
    if (!found) return undefined
    // Whoever is being answered gets it.
    const { count, isGone } = this.#unheard.underWay(token)
    if (count > 0 && !isGone) return undefined
    if (!(await this.#unheard.confirm(token, found))) return undefined
    this.#unheard.answer(token, found, delivery)
    this.#components.log.info(
      { peer: subnetNameOfBits(found.prefix), serial: found.serial },
      'a certificate whose answer was lost is sent again',
    )
    return found.pem
  }

  async #registrationOf(token: string): Promise<Registration | undefined> {
    if (token === '') {
      if (this.#settings.anonymousPrefixLength === 0)
        throw new Refusal(403, 'anonymous registration is disabled')
      return { email: null, length: this.#settings.anonymousPrefixLength, uses: 1, community: undefined }
    }
    if (this.#settings.mailPrefixLength === 0) throw new Refusal(403, 'registration by mail is disabled')
    const row = await this.tokens.living(token)
    if (!row) return undefined
    const invitation = await invitationOf(this.#components.store, token)
    return {
      email: row.email,
      length: row.prefix_len,
      uses: invitation?.uses ?? 1,
      community: invitation?.community ?? undefined,
    }
  }

  async #issue(
    csr: string,
    { email, length, community }: Registration,
    location: Location | undefined,
    token?: string,
  ): Promise<Issued | undefined> {
    const { ledger, cryptography, store, clock, communities, configuration, authorities, software, log } =
      this.#components
    const reservation = await this.#reserve(community ?? communities.of(location), length)
    const { prefix, serial, subjectSerial } = reservation
    const subnetName = subnetNameOfBits(prefix)
    let pem: string
    const isFirst = configuration.registryPrefix === undefined
    // Of several processes, one may be on a machine whose clock is ahead: nobody would take the certificate yet.
    const nowMs = await store.commonTimeMs(clock)
    const notAfterMs = nowMs + VALIDITY_MS
    try {
      const source = { kind: 'request', pem: csr } as const
      pem = await cryptography.issue({
        source,
        serial,
        subjectSerial,
        subnetName,
        notBeforeMs: nowMs,
        notAfterMs,
      })
    } catch (error) {
      await this.#giveBack(reservation)
      throw error
    }
    try {
      await store.write(async (writable) => {
        await forgetHistory(writable, prefix)
        await recordEvent(writable, prefix, { kind: 'enrolled', detail: String(serial) }, nowMs)
        await authorities.enrolled(writable, prefix)
        configuration.followers.forget(prefix)
        software.forget(prefix)
        // Another process may have used it.
        if (token !== undefined && !(await useToken(writable, token, prefix, nowMs)))
          throw new TokenGone('the token was used meanwhile')
        if (token !== undefined) await noteUnheard(writable, token, reservation, nowMs)
        if (!(await ledger.settle(writable, reservation, email, { pem, notAfterMs })))
          throw new Error(`${subnetName} was no longer reserved: it took too long to make its certificate`)
        if ((await writable.config('prefix')) === undefined) await writable.setConfig('prefix', prefix)
      })
    } catch (error) {
      await this.#giveBack(reservation)
      if (error instanceof TokenGone) return undefined
      throw error
    }
    log.info({ peer: subnetName, serial }, 'certificate issued')
    // The certificate is there, whatever becomes of the version: that is published later, then.
    if (isFirst) await configuration.publish().catch(() => false)
    return { pem, prefix, serial }
  }

  async #reserve(community: string, length: number): Promise<Reservation> {
    const { store, ledger, clock } = this.#components
    try {
      return await store.write(async (writable) =>
        ledger.reserve(writable, { community, length, nowMs: await writable.commonTimeMs(clock) }),
      )
    } catch (error) {
      if (error instanceof Re6stError && error.code === 'EXHAUSTED') throw new Refusal(507, error.message)
      throw error
    }
  }

  /** When not even that can be written, it is free again some minutes later. */
  async #giveBack(reservation: Reservation): Promise<void> {
    const { store, ledger, log } = this.#components
    try {
      await store.write((writable) => ledger.giveBack(writable, reservation), { isExpendable: true })
    } catch (error) {
      log.warn({ err: error }, 'a prefix that was not given to anybody stays reserved for some minutes')
    }
  }

  /**
   * The node's certificate: a new one if less than 30 days are left, or if the present one is revoked (with the same
   * end, then), else the present one.
   */
  async renewCertificate(prefix: string): Promise<string> {
    const { ledger, cryptography, store, clock, log } = this.#components
    const holder = await ledger.holder(prefix)
    const present = (await store.certificate(prefix))?.cert
    if (!holder || !present) throw new Refusal(404, 'there is no certificate for this prefix')
    const nowMs = await store.commonTimeMs(clock)
    const isDue = holder.notAfterMs - nowMs < RENEWAL_PERIOD_MS
    const isRevoked = await store.isRevoked(holder.serial)
    if (!isDue && !isRevoked) {
      // It may have been written a moment ago, and not be acknowledged yet.
      await store.settled()
      return present
    }
    const serial = await store.write((writable) => ledger.takeSerial(writable))
    const notAfterMs = isDue ? nowMs + VALIDITY_MS : holder.notAfterMs
    const pem = await cryptography.issue({
      source: { kind: 'certificate', pem: present },
      serial,
      subjectSerial: holder.subjectSerial,
      subnetName: subnetNameOfBits(prefix),
      notBeforeMs: nowMs,
      notAfterMs,
    })
    const isReplaced = await store.write(async (writable) => {
      // Time has passed: another call may have renewed it, or the machine may be revoked, and its prefix another's.
      if ((await ledger.holder(prefix, writable))?.serial !== holder.serial) return false
      await ledger.replace(writable, holder, { serial, pem, notAfterMs })
      await recordEvent(writable, prefix, { kind: 'renewed', detail: String(serial) }, nowMs)
      return true
    })
    if (!isReplaced) return this.renewCertificate(prefix)
    log.info({ peer: subnetNameOfBits(prefix), serial }, 'certificate renewed')
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
