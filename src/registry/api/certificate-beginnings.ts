import { validSinceMs } from '../../core/crypto/certificate-parts.ts'
import { pemContent } from '../../core/crypto/der.ts'
import type { Store } from '../database/store.ts'
import type { SeenHolder } from './machine-views.ts'

/** Certificates that are read at a time. */
const BATCH = 100

/** Since when certificates are valid: read from each once, as none is ever changed. */
export class CertificateBeginnings {
  readonly #store: Pick<Store, 'allIn'>
  /** In Unix milliseconds, by serial. */
  #known: ReadonlyMap<number, number> = new Map()

  constructor(store: Pick<Store, 'allIn'>) {
    this.#store = store
  }

  /** @returns since when theirs are valid, by serial; those of machines that are not among these are forgotten */
  async of(machines: readonly SeenHolder[]): Promise<ReadonlyMap<number, number>> {
    const known = new Map<number, number>()
    const unread = new Map<string, number>()
    for (const { holder } of machines) {
      const since = this.#known.get(holder.serial)
      if (since === undefined) unread.set(holder.prefix, holder.serial)
      else known.set(holder.serial, since)
    }
    const prefixes = [...unread.keys()]
    for (let at = 0; at < prefixes.length; at += BATCH)
      for (const { prefix, cert } of await this.#store.allIn<{ prefix: string; cert: string | null }>(
        'SELECT prefix, cert FROM cert WHERE prefix IN ?',
        prefixes.slice(at, at + BATCH),
      )) {
        const since = validSinceMs(pemContent(cert ?? '', 'CERTIFICATE') ?? Buffer.alloc(0))
        if (since !== undefined) known.set(unread.get(prefix) ?? 0, since)
      }
    this.#known = known
    return known
  }
}
