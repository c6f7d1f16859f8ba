import type { Prefix } from '../values/prefix.ts'

/** What decides whether a peer may connect to one of our servers. */
export interface AdmissionFacts {
  readonly own: Prefix
  readonly peer: Prefix
  readonly isRevoked: boolean
  /** How many other peers are connected to our servers. */
  readonly otherClients: number
  readonly maxClients: number
}

/**
 * Whether a peer may connect. One that has a tunnel to us already may: it was restarted, and the old tunnel has not
 * been missed yet; of two tunnels with one peer, the policy ends one.
 * @returns why not; undefined if it may
 */
export function refusalOfClient({
  own,
  peer,
  isRevoked,
  otherClients,
  maxClients,
}: AdmissionFacts): string | undefined {
  if (isRevoked) return 'the certificate is revoked'
  if (peer === own) return 'this is our own certificate: two nodes must not share one'
  if (otherClients >= maxClients)
    return `there are ${otherClients} clients already, the network allows ${maxClients}`
  return undefined
}
