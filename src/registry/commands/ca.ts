import { existsSync } from 'node:fs'
import {
  type Authority,
  certificateFingerprint,
  readAuthority,
  renewalDueMs,
} from '../../core/crypto/certificate.ts'
import { DAY_MS, dayOf } from '../../core/day.ts'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { jsonText } from '../../core/json-text.ts'
import type { CaOptions } from '../../core/options/registry-ca-options.ts'
import { networkCidr } from '../../core/values/prefix.ts'
import { replaceFile } from '../../platform/files.ts'
import { audit } from '../api/audit-log.ts'
import type { AuthorityState } from '../api/schemas/authority.ts'
import { readAuthorityFile } from '../authority-file.ts'
import { authoritySigner, exposuresOf } from '../authority-key.ts'
import { renewedAuthority } from '../crypto/authority-maker.ts'
import { type AskedRegistry, askRegistryOf } from './ask-registry.ts'
import { someNames } from './columns.ts'
import { commandActor, openOwnDatabase } from './own-database.ts'

/** A node that runs asks once a day: with less than this left, some are cut off before they have the next. */
const ASKING_INTERVAL_MS = 2 * DAY_MS

/** A certificate of an authority, for people and programs; times in ISO 8601. */
interface CaStatus {
  readonly network: string
  readonly validUntil: string
  readonly daysLeft: number
  /** From then on nodes ask for the next one, once a day. */
  readonly nodesAskFrom: string
}

/**
 * Runs `re6st-registry ca`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do: nothing has changed then
 */
export async function runCa(options: CaOptions): Promise<number> {
  const nowMs = Date.now()
  const authority = readAuthorityFile(options.ca)
  const write = (text: string) => void process.stdout.write(text)
  if (options.action === 'status') {
    const status = statusOf(authority, nowMs)
    const served = await askServed(options)
    write(
      options.json
        ? jsonText({ ...status, ...('why' in served ? { served: null } : { served }) })
        : statusText(status) + servedText(served, authority),
    )
    return 0
  }
  const renewed = await renew(options, authority, nowMs)
  const [before, status] = [statusOf(authority, nowMs), statusOf(renewed, nowMs)]
  write(options.json ? jsonText({ ...status, before }) : renewedText(options.ca, before, status))
  if (authority.notAfterMs - nowMs < ASKING_INTERVAL_MS)
    process.stderr.write(
      're6st-registry: WARNING: nodes had no time to ask for it before the old one ended: each finds its way back within an hour of starting the registry again\n',
    )
  return 0
}

async function renew(options: CaOptions, authority: Authority, nowMs: number): Promise<Authority> {
  const signer = await authoritySigner(options)
  for (const exposure of exposuresOf({ '--key': options.key, '--passphrase': options.passphrase }))
    process.stderr.write(`re6st-registry: WARNING: ${exposure}\n`)
  const notAfterMs = nowMs + options.days * DAY_MS
  // Nodes refuse what ends earlier: it may be one from former times.
  if (notAfterMs <= authority.notAfterMs)
    throw new Re6stError(
      'OPTION',
      `--days: the present certificate is valid until ${dayOf(authority.notAfterMs)}: nodes take only one that ends later`,
    )
  const { prefix } = options
  if (prefix !== undefined && prefix.length !== authority.network.length)
    throw new Re6stError(
      'OPTION',
      `--prefix: must be as long as that of the network, /${authority.network.length}: the certificates of nodes stay as they are`,
    )
  const changes = prefix === undefined ? { notAfterMs } : { notAfterMs, network: prefix }
  const pem = await renewedAuthority({ caPem: authority.pem, signer }, changes)
  const renewed = readAuthority(pem)
  if (!renewed.ok || !renewed.value.x509.verify(authority.publicKey))
    throw new Re6stError('CERTIFICATE', '--key: it is not the key of the certificate given by --ca')
  const replace = async () => {
    try {
      await replaceFile(`${options.ca}.old`, authority.pem)
      await replaceFile(options.ca, pem)
    } catch (error) {
      throw new Re6stError('FILE', `--ca ${options.ca}: cannot be written: ${messageOf(error)}`, {
        cause: error,
      })
    }
  }
  await audited(options, authority, renewed.value, replace)
  return renewed.value
}

/** Replaces the files, which the audit log says: both or none. The machine of the authority may be one without a registry. */
async function audited(
  { database, isDatabaseGiven }: CaOptions,
  before: Authority,
  renewed: Authority,
  replace: () => Promise<void>,
): Promise<void> {
  if (!isDatabaseGiven && !existsSync(database)) {
    await replace()
    process.stderr.write(
      `re6st-registry: WARNING: this is in no audit log, since there is no ${database}: name the database of the registry by --db\n`,
    )
    return
  }
  await using store = await openOwnDatabase(database)
  await store.write(async (writable) => {
    const detail = {
      fingerprint: certificateFingerprint(renewed.der),
      before: certificateFingerprint(before.der),
      validUntil: new Date(renewed.notAfterMs).toISOString(),
    }
    const subject = networkCidr(renewed.network)
    await audit(writable, commandActor(), { action: 'authority.renewed', subject, detail }, Date.now())
    // The same, if it must be done again.
    await replace()
  })
}

const statusOf = (authority: Authority, nowMs: number): CaStatus => ({
  network: networkCidr(authority.network),
  validUntil: new Date(authority.notAfterMs).toISOString(),
  daysLeft: Math.floor((authority.notAfterMs - nowMs) / DAY_MS),
  nodesAskFrom: new Date(renewalDueMs(authority)).toISOString(),
})

const statusText = ({ network, validUntil, daysLeft, nodesAskFrom }: CaStatus): string =>
  `Authority of ${network}: valid until ${dayOf(validUntil)}, ${daysLeft < 0 ? `ended ${-daysLeft} days ago` : `${daysLeft} days left`}.
Nodes ask for the next one from ${dayOf(nodesAskFrom)} on, once a day.
`

/** What a registry that runs says of the machines. */
async function askServed(place: AskedRegistry): Promise<AuthorityState | { readonly why: string }> {
  try {
    return await askRegistryOf(place)('authority')
  } catch (error) {
    return { why: messageOf(error) }
  }
}

function servedText(served: AuthorityState | { readonly why: string }, { der }: Authority): string {
  if ('why' in served) return `Which machines have it is not known: ${served.why}\n`
  const { authority, have, haveOther, former, silent, silentMachines, warning } = served
  const untold = haveOther - former.reduce((sum, other) => sum + other.have, 0)
  return [
    ...(authority.fingerprint === certificateFingerprint(der)
      ? []
      : ['The registry serves another one: start it again.']),
    `${have} machines have the one that is served.`,
    ...former.map(
      (other) =>
        `${other.have} have ${other.notAfter === undefined ? 'one that was never served here' : `the one until ${dayOf(other.notAfter)}`}: ${someNames(other.machines, other.have, `re6st-registry nodes --authority ${other.fingerprint}`)}`,
    ),
    ...(untold > 0 ? [`${untold} have others, each of which few have.`] : []),
    ...(silent === 0
      ? []
      : [
          `${silent} do not say: ${someNames(silentMachines, silent, 're6st-registry nodes --authority unknown')}`,
        ]),
    ...(warning === undefined ? [] : [`WARNING: ${warning}`]),
    '',
  ].join('\n')
}

const renewedText = (file: string, before: CaStatus, { network, validUntil }: CaStatus): string =>
  `${file}: authority of ${network}, valid until ${dayOf(validUntil)}. ${file}.old is the one before.
Start the registry again now. Nodes take it from ${dayOf(before.nodesAskFrom)} on, each within a day, without losing a tunnel;
both are valid until ${dayOf(before.validUntil)}. Whoever is off for that time takes it at its next start.${
    before.network === network
      ? ''
      : `\nThe network moves from ${before.network} to ${network}: each node gets an address there when it takes it.`
  }
`
