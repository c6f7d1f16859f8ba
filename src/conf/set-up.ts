import { createPrivateKey, type KeyObject } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { checkAuthority } from '../core/crypto/authority-check.ts'
import {
  type Authority,
  certificateFingerprint,
  fingerprint,
  keyMatches,
  type NodeCertificate,
  readAuthority,
  readNodeCertificate,
  renewalDueMs,
  verifyCertificate,
} from '../core/crypto/certificate.ts'
import { dayOf } from '../core/day.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import type { ConfOptions } from '../core/options/conf-options.ts'
import { isEmailAddress } from '../core/values/email-address.ts'
import { fingerprintText } from '../core/values/fingerprint-text.ts'
import { isInside, networkCidr, nodeAddress, subnetCidr } from '../core/values/prefix.ts'
import { disownedBy } from '../platform/disowned.ts'
import type { RegistryClient } from '../platform/registry-client.ts'
import {
  generateKey,
  isReplacedByRegistry,
  makeCertificateRequest,
  mergeSubjectFields,
  type SubjectFields,
  subjectFieldsOf,
} from './certificate-request.ts'
import type { NodeDirectory } from './node-directory.ts'
import type { Questions } from './questions.ts'
import { sampleConfiguration } from './sample-configuration.ts'

/** Registries count from it. */
const FIRST_SERIAL = 1n

/** What setting up a node needs of its surroundings. */
export interface SetUpComponents {
  readonly registry: Pick<
    RegistryClient,
    'getCa' | 'requestToken' | 'requestCertificate' | 'setIdentity' | 'getNetworkConfig'
  >
  readonly directory: NodeDirectory
  readonly questions: Questions
  /** One line for the user. */
  readonly print: (line: string) => void
  /** One line that the user must not miss. */
  readonly warn: (line: string) => void
  readonly now: () => number
}

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

/** The CA's certificate, as the registry gives it, and as the user expects it. */
async function fetchAuthority(
  { fingerprint: expected }: ConfOptions,
  { registry, directory, warn }: SetUpComponents,
): Promise<Authority> {
  const authority = readAuthority(await registry.getCa())
  if (!authority.ok)
    throw new Re6stError('REGISTRY', `the registry sent no usable CA certificate: ${authority.reason}`)
  const checked = checkAuthority(authority.value, undefined)
  if (!checked.ok)
    throw new Re6stError('REGISTRY', `the registry sent no usable CA certificate: ${checked.reason}`)
  if (expected) {
    const actual = fingerprint(expected.algorithm, authority.value.der)
    if (!actual.equals(expected.digest))
      throw new Re6stError(
        'CERTIFICATE',
        `--fingerprint: the registry's CA certificate has another one, ${fingerprintText(expected.algorithm, actual)}: either it is mistyped, or this is not the registry that you think`,
      )
  } else if ((await directory.read('ca.crt')) !== authority.value.pem) {
    warn(
      `WARNING: the CA certificate was not checked. Ask the operator of the network whether this is its fingerprint, or give it by --fingerprint: ${certificateFingerprint(authority.value.der)}`,
    )
  }
  return authority.value
}

/** Whether this machine has an address in the network: it runs re6stnet, or a router in front of it does. */
const isMachineInside = ({ network }: Authority): boolean =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some(({ address, family }) => family === 'IPv6' && isInside(network, address))

async function keepAuthority(authority: Authority, { directory, print }: SetUpComponents): Promise<void> {
  const path = directory.file('ca.crt')
  const pem = await directory.read('ca.crt')
  if (pem !== undefined) {
    const old = readAuthority(pem)
    const checked = old.ok ? checkAuthority(authority, old.value) : old
    if (!old.ok || !checked.ok)
      throw new Re6stError(
        'CERTIFICATE',
        `${path} is not the CA certificate of this registry${old.ok && !checked.ok ? ` (of what the registry sent: ${checked.reason})` : ''}: give another directory by --dir, or move it away to leave the other network`,
      )
    if (old.value.der.equals(authority.der)) return
  }
  await directory.write('ca.crt', authority.pem)
  print(`${path}: certificate of the authority of network ${networkCidr(authority.network)}`)
}

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

/** Gets a certificate, for a token unless the node is anonymous. What was mistyped at the terminal is asked for again. */
async function enrol(
  options: ConfOptions,
  authority: Authority,
  key: KeyObject,
  csr: string,
  components: SetUpComponents,
): Promise<{ readonly pem: string; readonly certificate: NodeCertificate }> {
  const { questions, print, warn, now } = components
  const given = await givenToken(options, components)
  for (;;) {
    const token = given ?? (await questions.ask('the token', '--token'))
    const pem = await requestCertificate(options, csr, token, components)
    if (pem !== undefined) {
      const certificate = checkedCertificate(authority, key, pem)
      const aheadMs = Math.max(certificate.notBeforeMs, authority.notBeforeMs) - now()
      if (aheadMs > 0)
        warn(
          `WARNING: the certificate is valid from ${new Date(now() + aheadMs).toISOString()} on, and the clock of this machine says ${new Date(now()).toISOString()}: set it, or the node does not start before`,
        )
      return { pem, certificate }
    }
    const unknown = `the registry does not know ${token}: it is mistyped, was used already, or is too old`
    if (given !== undefined)
      throw new Re6stError('REFUSED', `--token: ${unknown}; give --email to get another`)
    print(`${unknown}.`)
  }
}

/** The token that pays for the certificate: the empty one for an anonymous node; undefined: it was mailed, and is asked for. */
async function givenToken(
  { anonymous, token, email: givenEmail }: ConfOptions,
  { registry, questions, print }: SetUpComponents,
): Promise<string | undefined> {
  if (anonymous) {
    if (givenEmail !== undefined) print('An anonymous node has no e-mail address: --email is not used.')
    return ''
  }
  if (token !== undefined) {
    if (givenEmail !== undefined) print('The token stands for an e-mail address: --email is not used.')
    return token
  }
  const faultOf = (email: string) => (isEmailAddress(email) ? undefined : `${email}: not an e-mail address`)
  const fault = givenEmail === undefined ? undefined : faultOf(givenEmail)
  if (fault !== undefined) throw new Re6stError('OPTION', `--email ${fault}`)
  const email =
    givenEmail ?? (await questions.ask('your e-mail address', '--email, --token or --anonymous', faultOf))
  try {
    await registry.requestToken(email)
  } catch (error) {
    throw withHint(error, 'try --anonymous, or ask the operator of the network for a token')
  }
  print(`A token was mailed to ${email}.`)
  return undefined
}

/** A certificate in PEM; undefined: the registry does not know the token. */
async function requestCertificate(
  { location = '' }: ConfOptions,
  csr: string,
  token: string,
  { registry }: SetUpComponents,
): Promise<string | undefined> {
  try {
    return await registry.requestCertificate({ token, csr, location })
  } catch (error) {
    throw withHint(
      error,
      token === ''
        ? 'give --email to register by mail'
        : `if the token was not used up, run again with --token ${token}`,
    )
  }
}

/** What the registry sent, read and checked. @throws Re6stError `REGISTRY` if it is of no use */
function checkedCertificate(authority: Authority, key: KeyObject, pem: string): NodeCertificate {
  const certificate = readNodeCertificate(pem)
  const verified = certificate.ok ? verifyWithoutClock(authority, certificate.value) : certificate
  if (!certificate.ok || !verified.ok)
    throw new Re6stError(
      'REGISTRY',
      `the registry sent a certificate that is not usable: ${verified.ok ? '' : verified.reason}`,
    )
  if (!keyMatches(certificate.value, key))
    throw new Re6stError('REGISTRY', 'the registry sent a certificate for another key')
  return certificate.value
}

/**
 * Verifies a certificate as if it were just valid: machines without a clock of their own enrol before they know the time,
 * and a certificate for which a token was used must not be thrown away for that.
 */
const verifyWithoutClock = (authority: Authority, certificate: NodeCertificate) =>
  verifyCertificate(authority, certificate, {
    dates: 'lenient',
    nowMs: Math.max(authority.notBeforeMs, certificate.notBeforeMs),
  })

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

/** The same failure, with what else can be done; a registry that refuses says too little. */
function withHint(error: unknown, hint: string): Re6stError {
  const code = error instanceof Re6stError ? error.code : 'REGISTRY'
  return new Re6stError(code, `${messageOf(error)}; ${hint}`, { cause: error })
}
