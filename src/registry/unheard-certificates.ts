import { certificateParts } from '../core/crypto/certificate-parts.ts'
import { pemContent } from '../core/crypto/der.ts'
import type { Clock } from '../platform/clock.ts'
import { readRequest } from './crypto/certificate-request.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import { TOKEN_LIFE_MS } from './tokens.ts'

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

/**
 * Certificates that were made for a token, and that nobody has got yet: the connection may break, or the registry be killed, before its
 * answer is sent. Who comes again with the same token and key gets that certificate. Who has got it, does not: a token works once.
 */
export class UnheardCertificates {
  readonly #store: Pick<Store, 'all' | 'write'>
  readonly #clock: Pick<Clock, 'now'>
  /**
   * Answers that are on their way, or may be, by token, and how far each is: what the database says of these is not to be looked at.
   */
  readonly #underWay = new Map<string, Map<Delivery, 'making' | 'made'>>()

  constructor(store: Pick<Store, 'all' | 'write'>, clock: Pick<Clock, 'now'>) {
    this.#store = store
    this.#clock = clock
  }

  /** Calls that are answered for a token: how many, for how many there is no certificate yet, and whether a client of one is gone. */
  underWay(token: string): { readonly count: number; readonly making: number; readonly isGone: boolean } {
    const calls = [...(this.#underWay.get(token) ?? [])]
    return {
      count: calls.length,
      making: calls.filter(([, state]) => state === 'making').length,
      isGone: calls.some(([{ signal }]) => signal.aborted),
    }
  }

  /** A certificate is going to be made for a token. */
  begin(token: string, delivery: Delivery): void {
    this.#set(token, delivery, 'making')
  }

  /** There is no certificate, or nobody who could hear of it. */
  end(token: string, delivery: Delivery): void {
    const deliveries = this.#underWay.get(token)
    if (deliveries?.delete(delivery) && deliveries.size === 0) this.#underWay.delete(token)
  }

  /** There is one, and it is about to be sent. */
  answer(
    token: string,
    { prefix, serial }: Pick<UnheardCertificate, 'prefix' | 'serial'>,
    delivery: Delivery,
  ): void {
    const end = () => this.end(token, delivery)
    if (delivery.signal.aborted) return end()
    this.#set(token, delivery, 'made')
    delivery.signal.addEventListener('abort', end, { once: true })
    delivery.onSent(() => {
      delivery.signal.removeEventListener('abort', end)
      this.#store
        .write(
          (writable) =>
            writable.run(
              'DELETE FROM unheard_certificate WHERE token = ? AND prefix = ? AND serial = ?',
              ...[token, prefix, serial],
            ),
          { isExpendable: true },
        )
        // Then who has it can get it again: no harm is done.
        .catch(() => {})
        .finally(end)
    })
  }

  /**
   * One that was found is about to be given away. Whoever made it may have been told that it is not known whether it was written: a
   * change after it is safe only where it is, too.
   * @returns whether nobody has got it meanwhile
   */
  async confirm(
    token: string,
    { prefix, serial }: Pick<UnheardCertificate, 'prefix' | 'serial'>,
  ): Promise<boolean> {
    const changes = await this.#store.write(async (writable) =>
      writable.run(
        'UPDATE unheard_certificate SET date = ? WHERE token = ? AND prefix = ? AND serial = ?',
        ...[Math.floor((await writable.commonTimeMs(this.#clock)) / 1000), token, prefix, serial],
      ),
    )
    return changes > 0
  }

  #set(token: string, delivery: Delivery, state: 'making' | 'made'): void {
    this.#underWay.set(token, (this.#underWay.get(token) ?? new Map()).set(delivery, state))
  }

  /** The one that was made for a token and the key of a request, which nobody has got. */
  async find(token: string, csr: string): Promise<UnheardCertificate | undefined> {
    const rows = await this.#store.all<UnheardCertificate>(
      'SELECT holder.prefix, holder.serial, cert.cert AS pem FROM unheard_certificate JOIN holder ON holder.prefix = unheard_certificate.prefix AND holder.serial = unheard_certificate.serial JOIN cert ON cert.prefix = holder.prefix WHERE unheard_certificate.token = ? AND NOT EXISTS (SELECT 1 FROM crl WHERE crl.serial = holder.serial)',
      token,
    )
    const key = rows.length > 0 && readRequest(csr)?.publicKeyInfo
    return key ? rows.find(({ pem }) => publicKeyInfoOf(pem)?.equals(key)) : undefined
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

/** Nobody has come again for as long as a token lives that is made up. */
export async function forgetUnheard(writable: Queries, nowMs: number): Promise<void> {
  await writable.run(
    'DELETE FROM unheard_certificate WHERE date < ?',
    Math.floor((nowMs - TOKEN_LIFE_MS) / 1000),
  )
}

/** As it stands there, as it stood in the request: another encoding of the same key is another key. */
function publicKeyInfoOf(pem: string): Buffer | undefined {
  const parts = certificateParts(pemContent(pem, 'CERTIFICATE') ?? Buffer.alloc(0))
  return parts && Buffer.from(parts.publicKeyInfo)
}
