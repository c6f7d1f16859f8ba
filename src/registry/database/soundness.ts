import type { X509Certificate } from 'node:crypto'
import type { Database } from 'better-sqlite3'
import { type Authority, readNodeCertificate } from '../../core/crypto/certificate.ts'
import { isBits } from '../../core/values/bits.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import { type CertificateRow, RESERVED } from './tables.ts'

/** Something in a database that is not as it must be. */
export interface Finding {
  readonly what: string
  /** What an operator can do. */
  readonly remedy: string
}

const RESTORE = 'restore a backup (re6st-registry restore)'
const TABLES = ['config', 'token', 'cert', 'crl']

/**
 * Proves that a registry's database is sound: its prefixes are a partition of the network, no serial number is given twice
 * or will be, every certificate is that of its prefix and readable, and what is revoked was given.
 * @param authority who must have signed the certificates; undefined: whoever
 * @returns what is wrong
 */
export function findingsIn(database: Database, authority: Authority | undefined): Finding[] {
  const damage = database.pragma('integrity_check') as { integrity_check: string }[]
  if (damage.some((row) => row.integrity_check !== 'ok'))
    return damage.map((row) => ({ what: `the file is damaged: ${row.integrity_check}`, remedy: RESTORE }))
  const missing = TABLES.filter(
    (name) => !database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name),
  )
  if (missing.length > 0)
    return missing.map((name) => ({
      what: `there is no table ${name}`,
      remedy: 'give the database of a registry',
    }))
  return [...wrongTree(database), ...wrongCertificates(database, authority), ...wrongConfiguration(database)]
}

/** Sorted, a prefix comes right before what lies inside it; in a partition, each begins where the one before ended. */
function* wrongTree(database: Database): Generator<Finding> {
  const prefixes = database.prepare<[], string>('SELECT prefix FROM cert ORDER BY prefix').pluck()
  const wrong = prefixes.all().filter((prefix) => !isBits(prefix))
  for (const prefix of wrong)
    yield {
      what: `${JSON.stringify(prefix)} in the table cert is no prefix in bits`,
      remedy: 'delete that row',
    }
  let last: string | undefined
  /** The next prefix must be this, or this with zeros behind; undefined: none may come. */
  let next: string | undefined = ''
  for (const prefix of prefixes.iterate()) {
    if (!isBits(prefix)) continue
    if (last !== undefined && prefix.startsWith(last)) {
      yield {
        what: `the prefix ${subnetNameOfBits(prefix)} lies inside ${subnetNameOfBits(last)}`,
        remedy: `revoke one of both, or ${RESTORE}`,
      }
      continue
    }
    if (next === undefined || !prefix.startsWith(next) || prefix.slice(next.length).includes('1'))
      yield {
        what: `addresses before ${subnetNameOfBits(prefix)} are neither given nor free`,
        remedy: `nobody can get them; ${RESTORE}`,
      }
    last = prefix
    next = following(prefix)
  }
  if (next !== undefined)
    yield {
      what: 'addresses at the end of the network are neither given nor free',
      remedy: `nobody can get them; ${RESTORE}`,
    }
}

/** Where the next prefix begins, without zeros at its end; undefined after the last. */
function following(prefix: string): string | undefined {
  const last = prefix.lastIndexOf('0')
  return last < 0 ? undefined : `${prefix.slice(0, last)}1`
}

function* wrongCertificates(database: Database, authority: Authority | undefined): Generator<Finding> {
  const lastSerial = Number(
    database.prepare("SELECT value FROM config WHERE name = 'serial'").pluck().get() ?? 0,
  )
  const bySerial = new Map<bigint, string>()
  const rows = database.prepare<[string], CertificateRow>(
    'SELECT * FROM cert WHERE cert IS NOT NULL AND cert <> ? ORDER BY prefix',
  )
  for (const { prefix, cert } of rows.iterate(RESERVED)) {
    if (!isBits(prefix)) continue
    const certificate = readNodeCertificate(cert ?? '')
    const revoke = `revoke ${subnetNameOfBits(prefix)}, and let the machine join again`
    if (!certificate.ok) {
      yield {
        what: `the certificate of ${subnetNameOfBits(prefix)} cannot be used: ${certificate.reason}`,
        remedy: revoke,
      }
      continue
    }
    const { serial, subnetName, x509 } = certificate.value
    if (subnetName !== subnetNameOfBits(prefix))
      yield {
        what: `the certificate of ${subnetNameOfBits(prefix)} is that of ${subnetName}`,
        remedy: revoke,
      }
    if (authority && !isSignedBy(x509, authority))
      yield {
        what: `the certificate of ${subnetNameOfBits(prefix)} was not signed by --ca`,
        remedy: 'give the CA of this network',
      }
    const other = bySerial.get(serial)
    if (other !== undefined)
      yield {
        what: `${subnetNameOfBits(prefix)} and ${subnetNameOfBits(other)} have the same serial number, ${serial}`,
        remedy: revoke,
      }
    bySerial.set(serial, prefix)
    if (serial > BigInt(lastSerial))
      yield {
        what: `${subnetNameOfBits(prefix)} has the serial number ${serial}, but only ${lastSerial} were given: it will be given again`,
        remedy: `the database is older than this certificate: ${RESTORE}, a later one`,
      }
  }
  const future = database
    .prepare<[number], number>('SELECT serial FROM crl WHERE serial > ? ORDER BY serial')
    .pluck()
  for (const serial of future.all(lastSerial))
    yield {
      what: `the serial number ${serial} is revoked, but was never given: whoever gets it is shut out`,
      remedy: `the database is older than its CRL: ${RESTORE}, a later one`,
    }
}

function isSignedBy(x509: X509Certificate, { publicKey }: Authority): boolean {
  try {
    return x509.verify(publicKey)
  } catch {
    return false
  }
}

function* wrongConfiguration(database: Database): Generator<Finding> {
  const own: unknown = database.prepare("SELECT value FROM config WHERE name = 'prefix'").pluck().get()
  if (own === undefined) return
  const row = database.prepare('SELECT cert FROM cert WHERE prefix = ?').pluck().get(own)
  if (row === undefined || row === null)
    yield {
      what: `the registry's own node, ${JSON.stringify(own)}, has no certificate`,
      remedy: `nobody hears of changes; ${RESTORE}`,
    }
}
