import { X509Certificate } from 'node:crypto'
import { readRequest } from './crypto/certificate-request.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'

/** How the answer to a call fares. */
export interface Delivery {
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal
  /** Calls back when the answer was sent to it. */
  onSent(listener: () => void): void
}

/** A certificate that was made for a token. */
interface UnheardCertificate {
  readonly prefix: string
  readonly serial: number
  readonly pem: string
}

/** So long somebody may take to ask again: as long as a token lives that is made up. */
const KEPT_SECONDS = 14 * 24 * 3600

/**
 * Certificates that were made for a token, and that nobody has got yet: the connection may break, or the registry be killed, before its
 * answer is sent. Who comes again with the same token and key gets that certificate. Who has got it, does not: a token works once.
 */
export class UnheardCertificates {
  readonly #store: Pick<Store, 'all' | 'write'>
  /** Answers that are on their way, or may be, by token: what the database says of these is not to be looked at. */
  readonly #underWay = new Map<string, Set<Delivery>>()

  constructor(store: Pick<Store, 'all' | 'write'>) {
    this.#store = store
  }

  /** Calls that are answered for a token, or are being: how many, and whether a client of one of them is gone. */
  underWay(token: string): { readonly count: number; readonly isGone: boolean } {
    const deliveries = [...(this.#underWay.get(token) ?? [])]
    return { count: deliveries.length, isGone: deliveries.some(({ signal }) => signal.aborted) }
  }

  /** A call is going to be answered for a token. */
  begin(token: string, delivery: Delivery): void {
    this.#underWay.set(token, (this.#underWay.get(token) ?? new Set()).add(delivery))
  }

  /** There is no certificate, or nobody who could hear of it. */
  end(token: string, delivery: Delivery): void {
    const deliveries = this.#underWay.get(token)
    if (deliveries?.delete(delivery) && deliveries.size === 0) this.#underWay.delete(token)
  }

  /** There is one, and it is about to be sent. */
  answer(token: string, { serial }: Pick<UnheardCertificate, 'serial'>, delivery: Delivery): void {
    const end = () => this.end(token, delivery)
    if (delivery.signal.aborted) return end()
    delivery.signal.addEventListener('abort', end, { once: true })
    delivery.onSent(() => {
      delivery.signal.removeEventListener('abort', end)
      this.#store
        .write((writable) => writable.run('DELETE FROM unheard_certificate WHERE serial = ?', serial), {
          isExpendable: true,
        })
        // Then who has it can get it again: no harm is done.
        .catch(() => {})
        .finally(end)
    })
  }

  /** The one that was made for a token and the key of a request, which nobody has got. */
  async find(token: string, csr: string): Promise<UnheardCertificate | undefined> {
    const rows = await this.#store.all<UnheardCertificate>(
      'SELECT holder.prefix, holder.serial, cert.cert AS pem FROM unheard_certificate JOIN holder ON holder.prefix = unheard_certificate.prefix AND holder.serial = unheard_certificate.serial JOIN cert ON cert.prefix = holder.prefix WHERE unheard_certificate.token = ? AND NOT EXISTS (SELECT 1 FROM crl WHERE crl.serial = holder.serial)',
      token,
    )
    const key = rows.length > 0 && readRequest(csr)?.publicKeyInfo
    return key ? rows.find(({ pem }) => publicKeyInfoOf(pem).equals(key)) : undefined
  }
}

/** Within the transaction that writes it: nobody has heard of it yet. */
export async function noteUnheard(
  writable: Queries,
  token: string,
  { prefix, serial }: Pick<UnheardCertificate, 'prefix' | 'serial'>,
  nowMs: number,
): Promise<void> {
  await writable.run(
    'INSERT INTO unheard_certificate (token, prefix, serial, date) VALUES (?, ?, ?, ?) ON CONFLICT (token, prefix) DO UPDATE SET serial = excluded.serial, date = excluded.date',
    ...[token, prefix, serial, Math.floor(nowMs / 1000)],
  )
}

/** Nobody has come again for so long. */
export async function forgetUnheard(writable: Queries, nowMs: number): Promise<void> {
  await writable.run(
    'DELETE FROM unheard_certificate WHERE date < ?',
    Math.floor(nowMs / 1000) - KEPT_SECONDS,
  )
}

const publicKeyInfoOf = (pem: string): Buffer =>
  new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })
