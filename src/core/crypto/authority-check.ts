import { messageOf } from '../errors.ts'
import { ok, type Result, refuse } from '../result.ts'
import type { Authority } from './certificate.ts'

/**
 * Whether a CA certificate that somebody sent may be used, where `known` was used before. The call that fetches it is not
 * authenticated: whoever answers in the registry's place must not be able to make such a certificate, nor to bring back
 * an older one. The serial number, and so the network, may be another.
 */
export function checkAuthority(received: Authority, known: Authority | undefined): Result<void> {
  if (known !== undefined && !received.publicKey.equals(known.publicKey)) return refuse('it is another CA')
  try {
    if (!received.x509.verify(received.publicKey)) return refuse('it is not signed by its own key')
  } catch (error) {
    return refuse(`its signature cannot be verified: ${messageOf(error)}`)
  }
  if (known !== undefined && received.notAfterMs < known.notAfterMs)
    return refuse('it ends earlier than the one that is known')
  return ok(undefined)
}
