import type { X509Certificate } from 'node:crypto'
import { type Authority, readNodeCertificate } from '../../core/crypto/certificate.ts'
import { isBits } from '../../core/values/bits.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import type { Queries } from './queries.ts'
import { readSnapshot } from './snapshot.ts'
import { type CertificateRow, RESERVED } from './tables.ts'

/** Something in a database that is not as it must be. */
export interface Finding {
  readonly what: string
  /** What an operator can do. */
  readonly remedy: string
}

/** What there is in a database, and what is wrong in it. */
export interface Soundness {
  readonly findings: readonly Finding[]
  readonly certificates: number
}

const RESTORE = 'restore a backup (re6st-registry restore)'
const TABLES = ['config', 'token', 'cert', 'crl']

/**
 * Proves that a registry's database is sound: its prefixes are a partition of the network, no serial number is given twice
 * or will be, every certificate is that of its prefix and readable, what is revoked was given, and the registry knows whom it serves.
 * @param snapshot as it is at one moment
 * @param authority who must have signed the certificates; undefined: whoever
 */
export async function soundnessOf(snapshot: Queries, authority: Authority | undefined): Promise<Soundness> {
  const damage = await snapshot.damage()
  if (damage.length > 0)
    return unsound(damage.map((what) => ({ what: `the file is damaged: ${what}`, remedy: RESTORE })))
  const present = await snapshot.tables()
  const missing = TABLES.filter((name) => !present.includes(name))
  if (missing.length > 0)
    return unsound(
      missing.map((name) => ({
        what: `there is no table ${name}`,
        remedy: 'give the database of a registry',
      })),
    )
  const lastSerial = Number((await snapshot.config('serial')) ?? 0)
  const tree = new TreeCheck()
  const certificates = new CertificatesCheck(authority, lastSerial)
  for await (const row of rowsOf(snapshot)) {
    tree.see(row.prefix)
    if (row.cert !== null && row.cert !== RESERVED) certificates.see(row)
  }
  return {
    findings: [
      ...tree.ended(),
      ...certificates.findings,
      ...(await wrongCrl(snapshot, lastSerial)),
      ...(await wrongConfiguration(snapshot)),
      ...(await unknownToRegistry(snapshot, present)),
    ],
    certificates: certificates.count,
  }
}

/** The same, of the database that is named. @throws Re6stError `FILE` when it cannot be read */
export const soundnessOfDatabase = (
  named: Parameters<typeof readSnapshot>[0],
  authority: Authority | undefined,
): Promise<Soundness> => readSnapshot(named, (snapshot) => soundnessOf(snapshot, authority))

const unsound = (findings: readonly Finding[]): Soundness => ({ findings, certificates: 0 })

/** All rows of the table `cert` in the order of their prefixes. */
async function* rowsOf(snapshot: Queries): AsyncGenerator<CertificateRow> {
  // While nothing is given, the whole network is one free prefix without bits.
  const whole = await snapshot.certificate('')
  if (whole) yield whole
  for (let last = ''; ; ) {
    const rows = await snapshot.certificatesAfter(last)
    yield* rows
    const end = rows.at(-1)
    if (!end) return
    last = end.prefix
  }
}

/** Sorted, a prefix comes right before what lies inside it; in a partition, each begins where the one before ended. */
class TreeCheck {
  readonly #findings: Finding[] = []
  #last: string | undefined
  /** The next prefix must be this, or this with zeros behind; undefined: none may come. */
  #next: string | undefined = ''

  see(prefix: string): void {
    if (!isBits(prefix)) {
      this.#find(`${JSON.stringify(prefix)} in the table cert is no prefix in bits`, 'delete that row')
      return
    }
    if (this.#last !== undefined && prefix.startsWith(this.#last)) {
      this.#find(
        `the prefix ${subnetNameOfBits(prefix)} lies inside ${subnetNameOfBits(this.#last)}`,
        `revoke one of both, or ${RESTORE}`,
      )
      return
    }
    const next = this.#next
    if (next === undefined || !prefix.startsWith(next) || prefix.slice(next.length).includes('1'))
      this.#find(
        `addresses before ${subnetNameOfBits(prefix)} are neither given nor free`,
        `nobody can get them; ${RESTORE}`,
      )
    this.#last = prefix
    this.#next = following(prefix)
  }

  ended(): readonly Finding[] {
    if (this.#next !== undefined)
      this.#find(
        'addresses at the end of the network are neither given nor free',
        `nobody can get them; ${RESTORE}`,
      )
    return this.#findings
  }

  #find(what: string, remedy: string): void {
    this.#findings.push({ what, remedy })
  }
}

/** Where the next prefix begins, without zeros at its end; undefined after the last. */
function following(prefix: string): string | undefined {
  const last = prefix.lastIndexOf('0')
  return last < 0 ? undefined : `${prefix.slice(0, last)}1`
}

class CertificatesCheck {
  readonly findings: Finding[] = []
  count = 0
  readonly #authority: Authority | undefined
  readonly #lastSerial: number
  readonly #bySerial = new Map<bigint, string>()

  constructor(authority: Authority | undefined, lastSerial: number) {
    this.#authority = authority
    this.#lastSerial = lastSerial
  }

  see({ prefix, cert }: CertificateRow): void {
    this.count++
    if (!isBits(prefix)) return
    const name = subnetNameOfBits(prefix)
    const revoke = `revoke ${name}, and let the machine join again`
    const find = (what: string, remedy: string) => this.findings.push({ what, remedy })
    const certificate = readNodeCertificate(cert ?? '')
    if (!certificate.ok) {
      find(`the certificate of ${name} cannot be used: ${certificate.reason}`, revoke)
      return
    }
    const { serial, subnetName, x509 } = certificate.value
    if (subnetName !== name) find(`the certificate of ${name} is that of ${subnetName}`, revoke)
    if (this.#authority && !isSignedBy(x509, this.#authority))
      find(`the certificate of ${name} was not signed by --ca`, 'give the CA of this network')
    const other = this.#bySerial.get(serial)
    if (other !== undefined)
      find(`${name} and ${subnetNameOfBits(other)} have the same serial number, ${serial}`, revoke)
    this.#bySerial.set(serial, prefix)
    if (serial > BigInt(this.#lastSerial))
      find(
        `${name} has the serial number ${serial}, but only ${this.#lastSerial} were given: it will be given again`,
        `the database is older than this certificate: ${RESTORE}, a later one`,
      )
  }
}

function isSignedBy(x509: X509Certificate, { publicKey }: Authority): boolean {
  try {
    return x509.verify(publicKey)
  } catch {
    return false
  }
}

async function wrongCrl(snapshot: Queries, lastSerial: number): Promise<Finding[]> {
  const future = await snapshot.all<{ serial: number }>(
    'SELECT serial FROM crl WHERE serial > ? ORDER BY serial',
    lastSerial,
  )
  return future.map(({ serial }) => ({
    what: `the serial number ${serial} is revoked, but was never given: whoever gets it is shut out`,
    remedy: `the database is older than its CRL: ${RESTORE}, a later one`,
  }))
}

async function wrongConfiguration(snapshot: Queries): Promise<Finding[]> {
  const own = await snapshot.config('prefix')
  if (own === undefined) return []
  const row = await snapshot.certificate(String(own))
  if (row?.cert) return []
  return [
    {
      what: `the registry's own node, ${JSON.stringify(own)}, has no certificate`,
      remedy: `nobody hears of changes; ${RESTORE}`,
    },
  ]
}

/** A certificate is served by what was learned of it; where our own tables are missing, the registry learns all of them. */
async function unknownToRegistry(snapshot: Queries, present: readonly string[]): Promise<Finding[]> {
  if (!['holder', 'cert_changed', 'subject_serial_gap'].every((name) => present.includes(name))) return []
  const [unknown] = await snapshot.all<{ n: number }>(
    `SELECT COUNT(*) AS n FROM cert WHERE cert IS NOT NULL AND cert <> '${RESERVED}'
       AND NOT EXISTS (SELECT 1 FROM holder WHERE holder.prefix = cert.prefix)
       AND NOT EXISTS (SELECT 1 FROM cert_changed WHERE cert_changed.prefix = cert.prefix)`,
  )
  const [gap] = await snapshot.all('SELECT first FROM subject_serial_gap LIMIT 1')
  const count = unknown?.n ?? 0
  return [
    ...(count > 0
      ? [
          {
            what: `the registry knows nothing of ${count} certificates: their machines are not served`,
            remedy: RESTORE,
          },
        ]
      : []),
    ...(gap === undefined
      ? [{ what: 'no serial number of a subject is left: no machine can join', remedy: RESTORE }]
      : []),
  ]
}
