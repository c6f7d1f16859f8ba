import type { KeyObject } from 'node:crypto'
import {
  type Authority,
  keyMatches,
  type NodeCertificate,
  readNodeCertificate,
  verifyCertificate,
} from '../core/crypto/certificate.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import type { ConfOptions } from '../core/options/conf-options.ts'
import { isEmailAddress } from '../core/values/email-address.ts'
import type { SetUpComponents } from './components.ts'

/** Gets a certificate, for a token unless the node is anonymous. What was mistyped at the terminal is asked for again. */
export async function enrol(
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
      throw new Re6stError(
        'REFUSED',
        `--token: ${unknown}; ask who gave it to you for another, or give --email`,
      )
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
        : `run again with --token ${token}; if the registry does not know it any more then, the certificate was lost on its way: ask for another token`,
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
export const verifyWithoutClock = (authority: Authority, certificate: NodeCertificate) =>
  verifyCertificate(authority, certificate, {
    dates: 'lenient',
    nowMs: Math.max(authority.notBeforeMs, certificate.notBeforeMs),
  })

/** The same failure, with what else can be done; a registry that refuses says too little. */
function withHint(error: unknown, hint: string): Re6stError {
  const code = error instanceof Re6stError ? error.code : 'REGISTRY'
  return new Re6stError(code, `${messageOf(error)}; ${hint}`, { cause: error })
}
