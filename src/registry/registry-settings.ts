import type { Communities } from '../core/allocation/community.ts'
import type { Authority } from '../core/crypto/certificate.ts'
import type { ListenPlace } from '../core/options/value-types.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { ApiSettings } from './api-listeners.ts'
import type { CaSigner } from './crypto/ca-signer.ts'
import type { AuthorityKeys, Cryptography } from './crypto/cryptography.ts'
import type { RegistrationSettings } from './enrolment.ts'
import type { GeoIp } from './geoip.ts'
import type { Mailer } from './mail.ts'
import type { ReachableNodes } from './reachable-nodes.ts'
import type { ServerLimits } from './server/limits.ts'
import type { TlsFiles } from './server/tls-credentials.ts'
import type { PairSettings } from './standby/pair.ts'
import type { NetworkSettings } from './stored-configuration.ts'
import type { WebhookComponents } from './webhooks.ts'

/** What a registry is started with: the contents of the files, and what the options say. */
export interface RegistrySettings {
  readonly caPem: string
  /** Signs with the key of the authority. */
  readonly signer: CaSigner
  /** DH parameters for nodes that still ask; a standard group if there are none. */
  readonly dhPem: string | undefined
  readonly databasePath: string
  /** The other registry of a pair, whose standby is told everything; undefined: there is none. */
  readonly pair?: PairSettings | undefined
  /** Addresses to listen on; port 0 takes a free one. */
  readonly listen: readonly { readonly address: string; readonly port: number }[]
  /** Where it listens with TLS, too, and the files of its certificate; undefined: nowhere. */
  readonly tls: (TlsFiles & { readonly listen: RegistrySettings['listen'] }) | undefined
  /** Who hears of what happens; undefined: nobody. */
  readonly webhooks: Pick<WebhookComponents, 'urls' | 'secret'> | undefined
  readonly authorizedOrigins: readonly string[]
  /** Addresses of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[]
  /** Where private methods are called; undefined: wherever it listens. */
  readonly privateListener: ListenPlace | undefined
  /** Where the page and the API are; undefined: nowhere. */
  readonly api?: ApiSettings
  readonly registration: Omit<RegistrationSettings, 'mailSender'>
  readonly communities: Communities
  readonly gracePeriodMs: number
  readonly network: NetworkSettings
}

/** What a registry uses of its surroundings. */
export interface RegistryComponents {
  readonly clock: Clock
  readonly log: Logger
  readonly mailer: Mailer | undefined
  readonly geoip: GeoIp | undefined
  readonly reachable: (authority: Authority) => ReachableNodes
  /** The real one, unless it is a test's. */
  readonly cryptography?: (keys: AuthorityKeys) => Cryptography
  /** UDP port of our node; 326 unless it is a test's. */
  readonly nodePort?: number
  /** Where a test must not wait for the real ones. */
  readonly serverLimits?: Partial<ServerLimits>
}

/** A registry that answers. */
export interface RunningRegistry extends AsyncDisposable {
  /** The network that it serves, e.g. `2001:db8:42::/48`. */
  readonly network: string
  /** Where it listens, in the order of the settings. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[]
  /** The same with TLS. */
  readonly tlsAddresses: RunningRegistry['addresses']
  /** Whether its tunnels are encrypted. */
  readonly isEncrypted: boolean
  /** Port of the page, if it has one. */
  readonly pagePort: number | undefined
  /** Resolves with an error when it cannot go on. */
  readonly failed: Promise<Error>
}
