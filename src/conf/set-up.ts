import { createPrivateKey, type KeyObject } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import {
  type Authority,
  keyMatches,
  type NodeCertificate,
  readNodeCertificate,
  renewalDueMs,
} from '../core/crypto/certificate.ts'
import { dayOf } from '../core/day.ts'
import { Re6stError } from '../core/errors.ts'
import type { ConfOptions } from '../core/options/conf-options.ts'
import { isInside, nodeAddress, subnetCidr } from '../core/values/prefix.ts'
import { disownedBy } from '../platform/disowned.ts'
import { fetchAuthority, keepAuthority } from './authority.ts'
import {
  generateKey,
  isReplacedByRegistry,
  makeCertificateRequest,
  mergeSubjectFields,
  type SubjectFields,
  subjectFieldsOf,
} from './certificate-request.ts'
import type { SetUpComponents } from './components.ts'
import { enrol, verifyWithoutClock } from './enrolment.ts'
import { sampleConfiguration } from './sample-configuration.ts'

/** Registries count from it. */
const FIRST_SERIAL = 1n

/**
 * Sets up a node: its directory ends with everything that `re6stnet` needs, or as it was.
 * @returns the exit status: not 0 only for `--is-needed` on a machine that is in the network already
 * @throws Re6stError what is wrong and what to do
 */
export async function setUp(options: ConfOptions, components: SetUpComponents): Promise<number> {
  const { directory, print } = components
  if (options.isNeeded) return isMachineInside(await fetchAuthority(options, components)) ? 1 : 0
  // A mistake in --req must not show after a token was mailed.
  mergeSubjectFields([], options.subject)
  for (const [attribute] of options.subject.filter(([attribute]) => isReplacedByRegistry(attribute)))
    components.warn(`--req ${attribute} is not used: the registry sets this attribute`)
  await directory.ensureWritable()
  const authority = await fetchAuthority(options, components)
  await keepAuthority(authority, components)
  if (options.caOnly) return 0

  const old = await readOldCertificate(authority, components)
  const oldKey = await directory.readKey(authority.keyBits)
  const { anonymous, email, token: givenToken, subject: givenSubject } = options
  const isAsked = anonymous || email !== undefined || givenToken !== undefined || givenSubject.length > 0
  if (old && oldKey && !isAsked && isInUse(old.certificate, oldKey, components)) {
    const { certificate } = old
    const why = await disownedBy(components.registry, { authority, certificate, key: oldKey })
    if (why !== undefined)
      throw new Re6stError(
        'CERTIFICATE',
        `${directory.file('cert.crt')}: the registry does not accept this certificate any more: ${why}. Ask the operator of the network; to get another one, give --email, --token or --anonymous`,
      )
    print(`${directory.file('cert.crt')} is a certificate of this network already, and kept.`)
    print('To get another one, give --email, --token or --anonymous.')
    await finish(options, authority, old.certificate, components)
    return 0
  }
  const key = oldKey ?? (await makeKey(authority, components))
  const subject = mergeSubjectFields(old?.subject ?? [], givenSubject)
  const csr = await makeCertificateRequest(key, subject)
  const { pem, certificate } = await enrol(options, authority, key, csr, components)
  await keepCertificate(pem, components)
  await finish(options, authority, certificate, components)
  return 0
}

/** Whether this machine has an address in the network: it runs re6stnet, or a router in front of it does. */
const isMachineInside = ({ network }: Authority): boolean =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some(({ address, family }) => family === 'IPv6' && isInside(network, address))

interface OldCertificate {
  readonly certificate: NodeCertificate
  readonly subject: SubjectFields
}

/** The certificate that is there, if any. @throws Re6stError if it is not of this network */
async function readOldCertificate(
  authority: Authority,
  { directory }: SetUpComponents,
): Promise<OldCertificate | undefined> {
  const pem = await directory.read('cert.crt')
  if (pem === undefined) return undefined
  const certificate = readNodeCertificate(pem)
  const verified = certificate.ok ? verifyWithoutClock(authority, certificate.value) : certificate
  if (!certificate.ok || !verified.ok)
    throw new Re6stError(
      'CERTIFICATE',
      `${directory.file('cert.crt')} is not a certificate of this network (${verified.ok ? '' : verified.reason}): give another directory by --dir, or move it away`,
    )
  return { certificate: certificate.value, subject: subjectFieldsOf(pem) }
}

/** Whether a node can run with this certificate; one that has ended is replaced without being asked. */
function isInUse(
  certificate: NodeCertificate,
  key: KeyObject,
  { directory, now, warn }: SetUpComponents,
): boolean {
  if (!keyMatches(certificate, key)) {
    warn(`${directory.file('cert.crt')} is not for ${directory.file('cert.key')}: it will be replaced.`)
    return false
  }
  return certificate.notAfterMs > now()
}

async function makeKey({ keyBits }: Authority, { directory, print }: SetUpComponents): Promise<KeyObject> {
  const pem = await generateKey(keyBits)
  // Written before a token is used: a certificate without its key is of no use.
  await directory.write('cert.key', pem, 0o600)
  print(`${directory.file('cert.key')}: new private key of ${keyBits} bits`)
  return createPrivateKey(pem)
}

async function keepCertificate(pem: string, { directory, print, warn }: SetUpComponents): Promise<void> {
  const path = directory.file('cert.crt')
  try {
    await directory.write('cert.crt', pem)
  } catch (error) {
    // The token is used up: the certificate must not be lost.
    warn(`${path} could not be written. Save this certificate there:\n${pem.trimEnd()}`)
    throw error
  }
  print(`${path}: certificate of this node`)
}

async function finish(
  { registry, location }: ConfOptions,
  { network }: Authority,
  certificate: NodeCertificate,
  { directory, print }: SetUpComponents,
): Promise<void> {
  if (await directory.writeNew('re6stnet.conf', sampleConfiguration(registry.href, location?.split(',')[0])))
    print(`${directory.file('re6stnet.conf')}: sample configuration, to be adapted`)
  if (certificate.serial === FIRST_SERIAL)
    print(
      'It is the first certificate of this network: this must be the machine of the registry, whose node speaks to all others.',
    )
  const renewal = dayOf(renewalDueMs(certificate))
  const end = dayOf(certificate.notAfterMs)
  print(
    `Subnet ${subnetCidr(network, certificate.prefix)}, address of this node ${nodeAddress(network, certificate.prefix)}.`,
  )
  print(`The certificate is valid until ${end}; a running node renews it from ${renewal} on.`)
}
