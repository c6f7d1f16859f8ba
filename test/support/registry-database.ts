import { numberOfBits } from '../../src/core/values/bits.ts'
import { pemSigner } from '../../src/registry/crypto/ca-signer.ts'
import { CaCryptography } from '../../src/registry/crypto/cryptography.ts'
import { openStore } from '../../src/registry/database/open-store.ts'
import { emptyDatabase } from './databases.ts'
import { RECORDED_MS } from './sessions.ts'
import { vectors } from './vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const DAY_MS = 24 * 3600 * 1000

/** A certificate in a database of a test: its end counts from the time of the recording. */
export interface TestCertificate {
  readonly serial: number
  readonly endsInDays: number
  readonly subjectSerial: number
}

/** What a database of a test holds. */
export interface TestDatabase {
  /** Null: free. */
  readonly rows: readonly (readonly [
    prefix: string,
    email: string | null,
    state: null | 'reserved' | TestCertificate,
  ])[]
  /** Dates count from the time of the recording. */
  readonly tokens?: readonly (readonly [token: string, days: number])[]
  readonly registryPrefix?: string
  readonly lastSerial: number
  readonly revoked?: readonly number[]
}

/** Makes a database of the recorded CA, and says where it is. */
export async function makeDatabase(wanted: TestDatabase): Promise<string> {
  const path = await emptyDatabase()
  const cryptography = new CaCryptography({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') })
  const endOf = ({ endsInDays }: TestCertificate) => RECORDED_MS + endsInDays * DAY_MS
  const rows = await Promise.all(
    wanted.rows.map(async ([prefix, email, state]) => ({
      prefix,
      email,
      cert:
        typeof state === 'object' && state !== null
          ? await cryptography.issue({
              source: { kind: 'request', pem: pki.csr['node-a'] ?? '' },
              ...state,
              subnetName: `${numberOfBits(prefix)}/${prefix.length}`,
              notBeforeMs: RECORDED_MS - 400 * DAY_MS,
              notAfterMs: endOf(state),
            })
          : state,
    })),
  )
  await using store = await openStore(path)
  await store.write(async (writable) => {
    await writable.deletePrefix('')
    for (const row of rows) {
      await writable.setCertificate(row)
      // As if another implementation had made it.
      await writable.noteChanged(row.prefix)
    }
    for (const [token, days] of wanted.tokens ?? [])
      await writable.addToken({
        token,
        email: `${token}@example.com`,
        prefix_len: 4,
        date: Math.floor((RECORDED_MS + days * DAY_MS) / 1000),
      })
    for (const serial of wanted.revoked ?? [])
      await writable.addToCrl(serial, Math.floor((RECORDED_MS + 365 * DAY_MS) / 1000))
    await writable.setConfig('serial', wanted.lastSerial)
    await writable.setConfig('prefix', wanted.registryPrefix)
  })
  return path
}
