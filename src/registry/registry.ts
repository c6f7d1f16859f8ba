import { getDiffieHellman, randomBytes } from 'node:crypto'
import { type Communities, checkCommunities } from '../core/allocation/community.ts'
import { MAC_KEY_LENGTH } from '../core/config/network-config.ts'
import { type Authority, readAuthority } from '../core/crypto/certificate.ts'
import { verifySignature } from '../core/crypto/rsa.ts'
import { DAY_MS } from '../core/day.ts'
import { Re6stError } from '../core/errors.ts'
import type { ListenPlace } from '../core/options/value-types.ts'
import { ADDRESS_BITS } from '../core/values/bits.ts'
import { networkCidr, prefixOfBits, subnetNameOfBits } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import { CleanUp } from '../platform/clean-up.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Lookout } from './api/history.ts'
import { ApiListeners, type ApiSettings } from './api-listeners.ts'
import { Authorities } from './authorities.ts'
import { checkAuthority, warnOfEnd } from './authority-checks.ts'
import { NetworkConfiguration } from './configuration.ts'
import type { CaSigner } from './crypto/ca-signer.ts'
import { type AuthorityKeys, CaCryptography, type Cryptography } from './crypto/cryptography.ts'
import { openStore } from './database/open-store.ts'
import type { Store } from './database/store.ts'
import { dhParameters } from './dh-parameters.ts'
import { discoveryOf } from './discovery.ts'
import { Enrolment, type RegistrationSettings } from './enrolment.ts'
import { cleanUpExpired } from './expiry.ts'
import { ExpiryMails } from './expiry-mails.ts'
import type { GeoIp } from './geoip.ts'
import { KnownAddresses } from './known-addresses.ts'
import { Ledger } from './ledger.ts'
import { LocalNode } from './local-node.ts'
import type { Mailer } from './mail.ts'
import { registryMethods } from './methods.ts'
import { NetworkWatch } from './network-watch.ts'
import { DEFAULT_SENDER } from './node-steps.ts'
import { type ReachableNodes, sharedReachableNodes } from './reachable-nodes.ts'
import type { Listener, Transport } from './server/components.ts'
import { Handshakes } from './server/handshakes.ts'
import { HttpServers } from './server/http-server.ts'
import { LIMITS, type ServerLimits } from './server/limits.ts'
import { closeServer, isWithoutIpv6, listen } from './server/listen.ts'
import { ReadingTurns } from './server/reading-turns.ts'
import { TlsCredentials, type TlsFiles } from './server/tls-credentials.ts'
import { ownSessions, SharedSessions } from './sessions.ts'
import { answerPeer, keyHash, type PairSettings } from './standby/pair.ts'
import { PairWatch } from './standby/pair-watch.ts'
import { Primary } from './standby/primary.ts'
import { readReplication } from './standby/replication-row.ts'
import type { NetworkSettings } from './stored-configuration.ts'
import { type WebhookComponents, Webhooks } from './webhooks.ts'

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

/** How often expired certificates are looked for. */
const CLEAN_UP_INTERVAL_MS = DAY_MS
const LOOPBACK = ['127.0.0.1', '::1']

/**
 * Starts a registry: opens the database, cleans up, publishes the configuration if it changed, and listens.
 * @throws Re6stError when a file or option is no good, or an address cannot be listened on: nothing runs then
 */
export async function startRegistry(
  settings: RegistrySettings,
  components: RegistryComponents,
): Promise<RunningRegistry> {
  const { clock, log } = components
  const authority = await readKeys(settings)
  if (settings.dhPem?.includes('-----BEGIN DH PARAMETERS-----') === false)
    throw new Re6stError('FILE', '--dh: no Diffie-Hellman parameters in PEM: openssl dhparam makes some')
  warnOfLengths(settings, authority, log)
  await using stack = new CleanUp()
  const store = stack.use(
    await openStore(settings.databasePath, {
      clock,
      onExposed: (file, reason) =>
        log.warn(
          { file, reason },
          'other users of this machine can read tokens and keys: make this file private',
        ),
    }),
  )
  const primary = await primaryOf(settings, store, authority, components)
  if (primary) stack.use(primary)
  const ledger = new Ledger(store, authority.network.length)
  await ledger.learnChanges()
  for (const { prefix, reason } of await ledger.unreadable())
    log.warn(
      { peer: subnetNameOfBits(prefix), reason },
      'a certificate of the database cannot be used: its prefix stays occupied until it is revoked',
    )
  await checkAuthority(store, authority, log)
  await checkCommunities(settings.communities, (prefix) => ledger.isUsed(prefix))
  const keys: AuthorityKeys = { caPem: settings.caPem, signer: settings.signer }
  const cryptography = components.cryptography?.(keys) ?? new CaCryptography(keys)
  const configuration = stack.use(
    new NetworkConfiguration({ store, cryptography, clock, log }, settings.network),
  )
  await configuration.load()
  const sessions = store.isShared ? new SharedSessions(store, clock) : ownSessions()
  const cleanUp = async () => {
    warnOfEnd(authority, clock.now(), log)
    const gone = await cleanUpExpired(
      { store, ledger, clock, log },
      settings.gracePeriodMs,
      configuration.registryPrefix,
    )
    for (const prefix of gone) await sessions.end(prefix)
  }
  await cleanUp()
  if ((await store.config('version')) === undefined)
    await configuration.beginKeys(randomBytes(MAC_KEY_LENGTH))
  const isNewVersion = await configuration.publish()
  store.onNotification(() => {
    configuration
      .follow()
      .catch((error: unknown) =>
        log.warn({ err: error }, 'what another process has published cannot be read'),
      )
  })
  const localNode = stack.use(new LocalNode({ clock, log }, components.nodePort))
  configuration.announceBy((prefix) => localNode.announceVersion(prefix))
  const authorities = stack.use(new Authorities({ store, authority, clock, log }))
  await authorities.begin()
  const mailSender = authority.email ?? DEFAULT_SENDER
  const enrolment = new Enrolment(
    {
      ...components,
      ...{ store, ledger, cryptography, configuration, authorities, communities: settings.communities },
    },
    { ...settings.registration, mailSender },
  )
  const { mailer } = components
  if (mailer)
    stack.use(
      new ExpiryMails({
        ...{ store, clock, log, mailer, sender: mailSender, gracePeriodMs: settings.gracePeriodMs },
        network: networkCidr(authority.network),
        ending: (untilMs) => ledger.ending(0, untilMs),
      }),
    )
  const reachable = sharedReachableNodes(components.reachable(authority), { clock, log })
  const known = stack.use(
    new KnownAddresses({
      ...{ store, clock, log, localNode, reachable, network: authority.network },
      members: async (prefixes) =>
        new Set((await ledger.holdersOf(prefixes)).map(({ prefix }) => prefixOfBits(prefix))),
    }),
  )
  await known.load()
  stack.defer(() => known.save())
  const webhooks =
    settings.webhooks &&
    stack.use(
      new Webhooks({ ...settings.webhooks, store, clock, log, network: networkCidr(authority.network) }),
    )
  const watch =
    webhooks &&
    stack.use(
      new NetworkWatch({
        ...{ reachable, localNode, configuration, clock, log },
        ownNode: () => {
          const prefix = configuration.registryPrefix
          return prefix === undefined ? undefined : prefixOfBits(prefix)
        },
        ending: (afterMs, untilMs) => ledger.ending(afterMs, untilMs),
        tell: (event) => webhooks.send(event),
      }),
    )
  if (watch)
    configuration.onRotated(() => inBackground(log, 'looking who follows the keys', watch.keysRotated()))
  if (webhooks && primary)
    stack.use(
      new PairWatch({
        other: 'standby',
        isAway: () => primary.refusal() !== undefined,
        tell: (event) => webhooks.send(event),
        clock,
      }),
    )
  const handlers = registryMethods({
    store,
    ledger,
    cryptography,
    sessions,
    configuration,
    enrolment,
    localNode,
    reachable,
    known,
    geoip: components.geoip,
    clock,
    network: authority.network,
    caPem: settings.caPem,
    dhPem: settings.dhPem ?? dhParameters(getDiffieHellman('modp14').getPrime()),
  })
  const credentials = settings.tls && stack.use(new TlsCredentials(settings.tls, { clock, log }))
  const tlsAddresses: { address: string; port: number }[] = []
  const servers = new HttpServers({
    handlers,
    checkReady: async () => {
      // Reads the database; what is answered from memory would go on without it.
      await store.config('version')
      const refusal = primary?.refusal()
      if (refusal) throw refusal
    },
    certificates: () => ledger.size(),
    measured: {
      ending: (afterMs, untilMs) => ledger.countEnding(afterMs, untilMs),
      revoked: async () => (await store.crl(Math.floor(clock.now() / 1000))).length,
      authorityEndMs: authority.notAfterMs,
      databaseBytes: () => store.bytes(),
      nowMs: () => clock.now(),
      standby: primary && (() => primary.state),
    },
    discovery: discoveryOf({
      network: authority.network,
      holders: () => ledger.holders(),
      reachable,
      ownNode: () => configuration.registryPrefix,
      nowMs: () => clock.now(),
    }),
    sessions,
    authorities,
    log,
    clock,
    trust: {
      authorizedOrigins: new Set([...LOOPBACK, ...settings.authorizedOrigins]),
      trustedProxies: new Set(settings.trustedProxies),
    },
    tls: credentials && {
      credentials,
      asksForCertificate: settings.tls?.clientCa !== undefined,
      port: () => tlsAddresses[0]?.port ?? 443,
    },
    limits: components.serverLimits ?? {},
  })
  localNode.onAsked((isAnswered) => servers.asked(isAnswered))
  // What the start has written gives nothing away: from now on, the standby is waited for.
  if (primary && settings.pair) {
    store.replicateTo(primary)
    stack.use(
      await answerPeer(settings.pair, clock, {
        state: () => primary.peerState,
        follow: (stream, following) => primary.follow(stream, following),
      }),
    )
  }
  const addresses: { address: string; port: number }[] = []
  const open = async (kind: Listener, place: ListenPlace, transport: Transport = 'http') => {
    const server = servers.create(kind, transport)
    stack.defer(() => {
      servers[Symbol.dispose]()
      return closeServer(server)
    })
    return listen(server, place)
  }
  const kind = settings.privateListener ? 'nothing private' : 'everything'
  for (const [transport, places, opened] of [
    ['http', settings.listen, addresses],
    ['https', settings.tls?.listen ?? [], tlsAddresses],
  ] as const)
    for (const { address, port } of places)
      try {
        opened.push({ address, port: await open(kind, { kind: 'address', address, port }, transport) })
      } catch (error) {
        if (!isWithoutIpv6(error) || places.length === 1) throw error
        log.warn(`-6 ${address}: this kernel has no IPv6: the registry listens on IPv4 only`)
      }
  if (settings.privateListener) await open('everything', settings.privateListener)
  const lookout = stack.use(
    new Lookout({
      ...{ store, reachable, clock, log },
      registryPrefix: () => configuration.registryPrefix,
      isMember: async (prefix) => (await ledger.holder(prefix)) !== undefined,
    }),
  )
  stack.defer(() => lookout.save().catch(() => {}))
  const handshakes =
    credentials && settings.api?.isTls
      ? pageHandshakes(credentials, settings.api.clientCertCa, clock)
      : undefined
  const api = stack.use(
    new ApiListeners({
      ...{
        store,
        ledger,
        configuration,
        enrolment,
        sessions,
        localNode,
        reachable,
        known,
        clock,
        log,
        authority,
        authorities,
      },
      communities: settings.communities,
      geoip: components.geoip,
      mailPrefixLength: settings.registration.mailPrefixLength,
      anonymousPrefixLength: settings.registration.anonymousPrefixLength,
      hasMailer: components.mailer !== undefined,
      trustedProxies: new Set(settings.trustedProxies),
      pageUrl: settings.api?.pageUrl,
      openId: settings.api?.openId,
      clientCertCa: settings.api?.clientCertCa,
      handshakes,
      registryUrl: settings.api?.registryUrl,
      registryPort: addresses[0]?.port ?? 80,
      pageFolder: settings.api?.pageFolder ?? '',
      startedAtMs: clock.now(),
      primary,
    }),
  )
  // Before the page's server is closed, which waits for what is open.
  stack.defer(() => handshakes?.[Symbol.dispose]())
  const pagePort = settings.api && (await api.open(settings.api))
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  primary?.onSuperseded((error) => fail(error))
  stack.use(
    clock.every(CLEAN_UP_INTERVAL_MS, () => {
      cleanUp()
        .catch((error: unknown) => {
          // A database that cannot be written now can be cleaned up tomorrow.
          if (error instanceof Re6stError) fail(error)
          else log.error({ err: error }, 'what has expired cannot be removed')
        })
        // What has gone wrong is logged there, and tried again.
        .then(() => configuration.publish())
        .catch(() => {})
    }),
  )
  // Who is told asks at once: only now is there somebody who answers.
  if (isNewVersion) configuration.announce()
  log.info(
    {
      network: networkCidr(authority.network),
      certificates: await ledger.size(),
      listen: [...addresses, ...tlsAddresses].map(({ address, port }) => `[${address}]:${port}`).join(' '),
    },
    'registry is running',
  )
  const running = stack.move()
  return {
    network: networkCidr(authority.network),
    addresses,
    tlsAddresses,
    isEncrypted: configuration.settings.encrypt,
    pagePort,
    failed,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

/** @throws Re6stError `CONFLICT` when the other one serves, or a standby is registered that could not be told anything */
async function primaryOf(
  { pair }: RegistrySettings,
  store: Store,
  { publicKey }: Authority,
  { clock, log }: RegistryComponents,
): Promise<Primary | undefined> {
  if (!pair) {
    if (!store.isShared && (await readReplication(store)).standby !== null)
      throw new Re6stError(
        'CONFLICT',
        'a standby is registered, without which nothing is given: start with --peer, or say "re6st-registry standby drop" to go on without it',
      )
    return undefined
  }
  const feed = store.feed()
  if (!feed)
    throw new Re6stError(
      'SYSTEM',
      '--peer: the database must be on a file system of this machine: a write-ahead log is needed',
    )
  return Primary.of({ store, feed, peer: pair.peer, authority: keyHash(publicKey), clock, log })
}

async function readKeys({ caPem, signer }: RegistrySettings): Promise<Authority> {
  const authority = readAuthority(caPem)
  if (!authority.ok) throw new Re6stError('CERTIFICATE', `--ca: ${authority.reason}`)
  // A key in a token is known only by what it signs.
  const challenge = randomBytes(32)
  const signature = await signer.sign(challenge)
  if (!verifySignature(authority.value.publicKey, challenge, signature))
    throw new Re6stError('CERTIFICATE', '--key: it is not the key of the CA certificate given by --ca')
  return authority.value
}

/** A length that does not fit would show only when a certificate is asked for. */
function warnOfLengths(
  { registration, communities }: RegistrySettings,
  { network }: Authority,
  log: Logger,
): void {
  const longest = Math.max(...communities.all.map((community) => community.length))
  const room = ADDRESS_BITS - network.length - longest
  for (const [option, length] of [
    ['--prefix-length', registration.mailPrefixLength],
    ['--anonymous-prefix-length', registration.anonymousPrefixLength],
  ] as const)
    if (length > room)
      log.warn(
        `${option} ${length}: only ${room} bits are left behind the network's: not all can get a prefix`,
      )
}

/** Makes the TLS connections of the page: certificates are asked for, and chosen, by the authority of administrators. */
const pageHandshakes = (
  credentials: TlsCredentials,
  clientCertCa: string | undefined,
  clock: Clock,
): Handshakes =>
  new Handshakes({
    credentials: {
      follow: (use) =>
        credentials.follow(({ ca: _, ...own }) =>
          use({ ...own, ...(clientCertCa === undefined ? {} : { ca: clientCertCa }) }),
        ),
    },
    clock,
    asksForCertificate: clientCertCa !== undefined,
    timeoutMs: LIMITS.handshakeTimeoutMs,
    turns: new ReadingTurns({ clock, isStranger: () => true }, LIMITS.handshakes),
  })
