import type { Random } from '../random.ts'

/** Transport protocols that a gateway forwards. */
export type MappedProtocol = 'tcp' | 'udp'

/** How a gateway is spoken to: PCP (RFC 6887), NAT-PMP (RFC 6886), or UPnP IGD 1 and 2. */
export type MappingMethodName = 'pcp' | 'nat-pmp' | 'upnp'

/** A port of the gateway that leads to one of ours. */
export interface MappedPort {
  readonly protocol: MappedProtocol
  readonly internalPort: number
  readonly externalPort: number
}

/** What is asked of a gateway. */
export interface MappingWish extends MappedPort {
  readonly leaseSeconds: number
}

/** What a gateway gave. */
export interface Grant {
  /** May be another one than asked for. */
  readonly externalPort: number
  /** 0: it is ours until we remove it. */
  readonly leaseSeconds: number
}

/** Short: what a node that is killed leaves behind is gone soon. */
export const LEASE_SECONDS = 600

/** From here we take an external port when our own is taken: what neither IANA nor Linux gives to anybody else. */
const FIRST_RANDOM_PORT = 32768
const LAST_RANDOM_PORT = 49151
/** External ports that are tried for one of ours. */
const MAX_TRIES = 15

/** Whether a port is one of those that we take when our own is taken. */
export const isInRandomRange = (port: number): boolean =>
  port >= FIRST_RANDOM_PORT && port <= LAST_RANDOM_PORT

/**
 * External ports in the order in which to ask for them: those that we had before, our own, then random ones. No port
 * twice.
 */
export function* externalPortsToTry(
  internalPort: number,
  before: readonly number[],
  random: Random,
): Generator<number, void, undefined> {
  const tried = new Set<number>()
  for (const port of [...before, internalPort]) {
    if (tried.has(port)) continue
    tried.add(port)
    yield port
  }
  while (tried.size < MAX_TRIES) {
    const port = FIRST_RANDOM_PORT + Math.floor(random.next() * (LAST_RANDOM_PORT - FIRST_RANDOM_PORT + 1))
    if (tried.has(port)) continue
    tried.add(port)
    yield port
  }
}
