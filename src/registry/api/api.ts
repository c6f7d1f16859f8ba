import type { Server } from 'node:http'
import type { Communities } from '../../core/allocation/community.ts'
import type { Authority } from '../../core/crypto/certificate.ts'
import { networkCidr } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Authorities } from '../authorities.ts'
import type { NetworkConfiguration } from '../configuration.ts'
import type { Store } from '../database/store.ts'
import type { Enrolment } from '../enrolment.ts'
import type { GeoIp } from '../geoip.ts'
import type { KnownAddresses } from '../known-addresses.ts'
import type { Ledger } from '../ledger.ts'
import type { LocalNode } from '../local-node.ts'
import type { MachineSoftware } from '../machine-software.ts'
import type { ReachableNodes } from '../reachable-nodes.ts'
import type { Handshakes } from '../server/handshakes.ts'
import type { Sessions } from '../sessions.ts'
import type { Primary } from '../standby/primary.ts'
import { BearerTokens } from './access/bearer-tokens.ts'
import { readClientAuthorities } from './access/client-certificate.ts'
import { OpenId, type OpenIdSettings } from './access/open-id.ts'
import { authorityOf } from './authority-overview.ts'
import { apiHandlers } from './handlers.ts'
import { Invitations } from './invitations.ts'
import { MachineExports } from './machine-export.ts'
import { Machines } from './machines.ts'
import { type ApiListener, ApiServers } from './server.ts'
import { readStaticFiles } from './static-files.ts'
import { TopologyStream } from './topology-stream.ts'
import { TopologyWatch } from './topology-watch.ts'

/** What of a registry the API shows and steers. */
export interface ApiComponents {
  readonly store: Store
  readonly ledger: Ledger
  readonly configuration: NetworkConfiguration
  readonly enrolment: Enrolment
  readonly sessions: Sessions
  readonly localNode: Pick<LocalNode, 'ask' | 'askWay'>
  readonly reachable: ReachableNodes
  readonly known: KnownAddresses
  readonly communities: Communities
  readonly geoip: GeoIp | undefined
  readonly clock: Clock
  readonly log: Logger
  readonly authority: Authority
  readonly authorities: Authorities
  readonly software: MachineSoftware
  readonly mailPrefixLength: number
  readonly anonymousPrefixLength: number
  readonly hasMailer: boolean
  readonly trustedProxies: ReadonlySet<string>
  readonly pageUrl: string | undefined
  /** Who else says who may sign in; undefined: nobody. */
  readonly openId: OpenIdSettings | undefined
  /** Who signs certificates of administrators (PEM); undefined: nobody signs in by one. */
  readonly clientCertCa: string | undefined
  /** Of the page, where it has TLS of its own. */
  readonly handshakes: Pick<Handshakes, 'secure'> | undefined
  readonly registryUrl: string | undefined
  /** Port on which nodes find the registry, where nothing else is said. */
  readonly registryPort: number
  /** Folder with the built page. */
  readonly pageFolder: string
  readonly startedAtMs: number
  /** Of a pair; undefined: there is no other. */
  readonly primary: Primary | undefined
}

/** The API: loaded only when somebody is to use it. */
export interface Api extends Disposable {
  /** A server that is not listening yet. */
  create(listener: ApiListener): Promise<Server>
}

/** Makes the API of a registry that runs. */
export async function makeApi(components: ApiComponents): Promise<Api> {
  const { store, ledger, configuration, clock, communities, geoip, authority, mailPrefixLength } = components
  const { registryPort } = components
  const registryPrefix = () => configuration.registryPrefix
  const watch: TopologyWatch = new TopologyWatch({
    ...components,
    registryPrefix,
    isMember: async (prefix) => (await components.ledger.holder(prefix)) !== undefined,
    nodes: () => machines.nodes(),
  })
  const machines: Machines = new Machines({
    ...components,
    watch,
    registryPrefix,
    network: authority.network,
    said: {
      version: () => configuration.versionNumber,
      save: async () => {
        await configuration.followers.save()
        await components.authorities.save()
        await components.software.save()
      },
    },
  })
  const openId = components.openId && new OpenId(components.openId)
  const clientAuthorities =
    components.clientCertCa === undefined
      ? []
      : readClientAuthorities('--client-cert-ca', components.clientCertCa)
  const about = authorityOf(authority.pem)
  const registryUrl = (pageUrl: string): string => {
    if (components.registryUrl !== undefined) return components.registryUrl
    const { hostname } = new URL(pageUrl)
    return `http://${hostname}${registryPort === 80 ? '' : `:${registryPort}`}/`
  }
  const handlers = apiHandlers({
    ...{ store, ledger, configuration, machines, watch, clock, registryUrl },
    known: components.known,
    rpcSessions: components.sessions,
    tokenRequests: components.enrolment.tokenRequests,
    invitations: new Invitations({
      ...{ store, communities, mailPrefixLength, clock, registryUrl },
      newToken: () => components.enrolment.tokens.newOne(),
      fingerprint: about.fingerprint,
    }),
    bearerTokens: new BearerTokens(store, clock),
    network: networkCidr(authority.network),
    authority: about,
    authorities: components.authorities,
    software: components.software,
    openIdName: openId?.name,
    hasCertificates: clientAuthorities.length > 0,
    isPageUrlKnown: components.pageUrl !== undefined,
    isByMail: components.hasMailer && mailPrefixLength > 0,
    isAnonymous: components.anonymousPrefixLength > 0,
    hasGeoIp: geoip !== undefined,
    startedAtMs: components.startedAtMs,
    primary: components.primary,
  })
  const servers = new ApiServers({
    ...components,
    handlers,
    openId,
    clientAuthorities,
    stream: new TopologyStream(watch, clock),
    exports: new MachineExports(machines, components.log),
    files: await readStaticFiles(components.pageFolder),
    url: components.pageUrl,
  })
  return {
    create: (listener) => servers.create(listener),
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  }
}
