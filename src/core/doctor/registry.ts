import { type Authority, type NodeCertificate, readAuthority } from '../crypto/certificate.ts'
import type { Result } from '../result.ts'
import { printable } from '../values/printable.ts'
import type { Finding } from './finding.ts'
import { isIssuedBy } from './identity.ts'

/** What the registry answered when it was asked for the certificate of its authority. */
export interface RegistryFacts {
  readonly url: string
  /** Refused: it did not answer at all. */
  readonly answer: Result<{ readonly status: number; readonly body: string; readonly location?: string }>
  /** Whether it says that our certificate is revoked or not known; undefined: it was not asked. */
  readonly disowned: string | undefined
}

/** Judges what the registry said. */
export function judgeRegistry(
  { url, answer, disowned }: RegistryFacts,
  authority: Authority | undefined,
  certificate: NodeCertificate | undefined,
): Finding[] {
  if (!answer.ok)
    return [
      {
        code: 'registry-unreachable',
        what: `the registry does not answer: ${answer.reason}`,
        remedy:
          'check the URL (--registry), the name server and a firewall between; if others cannot reach it either, tell its operator. A node that was in the network before goes on without it',
      },
    ]
  const { status, body, location } = answer.value
  const passing = notTheRegistryItself(url, status, location)
  if (passing !== undefined) return [passing]
  const theirs = status === 200 ? readAuthority(body) : undefined
  if (!theirs?.ok)
    return [
      {
        code: 'registry-wrong',
        what: `${url} is not a re6st registry: asked for the certificate of its authority, it sent ${status === 200 ? 'something else' : `status ${status}`}`,
        remedy:
          'correct --registry: its path may be wrong, or another web server or a captive portal answers there',
      },
    ]
  if (isOfAnotherNetwork(theirs.value, authority, certificate))
    return [
      {
        code: 'registry-foreign',
        what: `${url} is the registry of another network: its authority has not signed the certificate of this node`,
        remedy: 'correct --registry, or get a certificate of that network with re6st-conf',
      },
    ]
  if (disowned === undefined) return []
  return [
    {
      code: 'certificate-revoked',
      what: `the registry does not accept the certificate of this node: ${disowned}`,
      remedy: 'ask the operator of the network why; then get a new certificate with re6st-conf',
    },
  ]
}

const MOVED: readonly number[] = [301, 302, 303, 307, 308]
const BUSY: readonly number[] = [429, 503]
const OF_A_PROXY: readonly number[] = [502, 504]

/** What a server in front of the registry says, or a registry that has too much to do: its URL may be right all the same. */
function notTheRegistryItself(url: string, status: number, location = 'nowhere'): Finding | undefined {
  if (MOVED.includes(status))
    return {
      code: 'registry-wrong',
      what: `${url} has moved to ${printable(location)} (status ${status}), and nodes follow no redirection`,
      remedy: 'give --registry the new URL, without the name of the method at its end',
    }
  if (BUSY.includes(status))
    return {
      code: 'registry-unreachable',
      what: `the registry at ${url}, or a server in front of it, has too much to do (status ${status})`,
      remedy:
        'try again in a minute; if it lasts, tell its operator. A node that was in the network before goes on without it',
    }
  if (OF_A_PROXY.includes(status))
    return {
      code: 'registry-unreachable',
      what: `the server in front of the registry at ${url} does not reach it now (status ${status})`,
      remedy:
        'try again in a minute: it may be restarted; if it lasts, tell its operator. A node that was in the network before goes on without it',
    }
  return undefined
}

function isOfAnotherNetwork(
  theirs: Authority,
  authority: Authority | undefined,
  certificate: NodeCertificate | undefined,
): boolean {
  if (authority && theirs.network !== authority.network) return true
  // A certificate that does not even belong to our own CA file is another finding.
  return authority && certificate && isIssuedBy(authority, certificate).ok
    ? !isIssuedBy(theirs, certificate).ok
    : false
}
