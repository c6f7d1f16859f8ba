import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Authorities } from '../authorities.ts'
import type { Discovery } from '../discovery.ts'
import type { MachineSoftware } from '../machine-software.ts'
import type { Handlers } from '../methods.ts'
import type { Sessions } from '../sessions.ts'
import type { Trust } from './caller.ts'
import type { ServerLimits } from './limits.ts'
import type { MeasuredState } from './metrics.ts'
import type { TlsCredentials } from './tls-credentials.ts'

/** What the servers of a registry need. */
export interface ServerComponents {
  readonly handlers: Handlers
  /** Throws what keeps the registry from serving. */
  readonly checkReady: () => Promise<void>
  readonly certificates: () => Promise<number>
  /** What is measured beside what the servers know themselves. */
  readonly measured: Pick<
    MeasuredState,
    'ending' | 'revoked' | 'authorityEndMs' | 'databaseBytes' | 'nowMs' | 'standby'
  >
  /** Nodes, for Prometheus. */
  readonly discovery: Discovery
  readonly sessions: Sessions
  /** Hears which certificate of the authority a node has. */
  readonly authorities: Pick<Authorities, 'heard'>
  /** Hears what a node runs. */
  readonly software: Pick<MachineSoftware, 'heard'>
  readonly log: Logger
  readonly clock: Pick<Clock, 'monotonicMs' | 'after'>
  readonly trust: Trust
  /** Undefined: without TLS. */
  readonly tls: TlsSettings | undefined
  /** Where a test must not wait for the real ones. */
  readonly limits?: Partial<ServerLimits>
}

/** TLS of a registry. */
export interface TlsSettings {
  readonly credentials: TlsCredentials
  /** Whether administrators may show a certificate. */
  readonly asksForCertificate: boolean
  /** Where browsers find it that ask without TLS. */
  readonly port: () => number
}

/** What may be called where. */
export type Listener = 'everything' | 'nothing private'
/** What is spoken there. */
export type Transport = 'http' | 'https'
