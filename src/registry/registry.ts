import { getDiffieHellman, randomBytes } from 'node:crypto'
import { checkCommunities } from '../core/allocation/community.ts'
import { MAC_KEY_LENGTH } from '../core/config/network-config.ts'
import { Re6stError } from '../core/errors.ts'
import { bracketed } from '../core/values/bracketed.ts'
import { networkCidr, prefixOfBits, subnetNameOfBits } from '../core/values/prefix.ts'
import { CleanUp } from '../platform/clean-up.ts'
import { Lookout } from './api/history.ts'
import { ApiListeners } from './api-listeners.ts'
import { Authorities } from './authorities.ts'
import { checkAuthority } from './authority-checks.ts'
import { CatchUp } from './catch-up.ts'
import { NetworkConfiguration } from './configuration.ts'
import { type AuthorityKeys, CaCryptography } from './crypto/cryptography.ts'
import { openStore } from './database/open-store.ts'
import { dhParameters } from './dh-parameters.ts'
import { discoveryOf } from './discovery.ts'
import { Enrolment } from './enrolment.ts'
import { ExpiryMails } from './expiry-mails.ts'
import { KnownAddresses } from './known-addresses.ts'
import { Ledger } from './ledger.ts'
import { LocalNode } from './local-node.ts'
import { MachineSoftware } from './machine-software.ts'
import { registryMethods } from './methods.ts'
import { DEFAULT_SENDER } from './node-steps.ts'
import { sharedReachableNodes } from './reachable-nodes.ts'
import { RegistryListeners } from './registry-listeners.ts'
import type { RegistryComponents, RegistrySettings, RunningRegistry } from './registry-settings.ts'
import { HttpServers } from './server/http-server.ts'
import { oneAnswer } from './server/one-answer.ts'
import { pageHandshakes } from './server/page-handshakes.ts'
import { TlsCredentials } from './server/tls-credentials.ts'
import { ownSessions, SharedSessions } from './sessions.ts'
import { answerPeer } from './standby/pair.ts'
import { primaryOf, readKeys, warnOfLengths } from './start-checks.ts'
import { tellOperators } from './tell-operators.ts'
import { Upkeep } from './upkeep.ts'

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
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const store = stack.use(
    await openStore(settings.databasePath, {
      ...{ clock, log, onBroken: (error: Error) => fail(error) },
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
  // Nodes ask again, if it cannot be written.
  stack.use(configuration.followers)
  const sessions = store.isShared ? new SharedSessions(store, clock) : ownSessions()
  const upkeep = new Upkeep(
    { store, ledger, sessions, configuration, authority, clock, log },
    settings.gracePeriodMs,
  )
  await upkeep.cleanUp()
  if ((await store.config('version')) === undefined)
    await configuration.beginKeys(randomBytes(MAC_KEY_LENGTH))
  await configuration.publish()
  const localNode = stack.use(new LocalNode({ clock, log }, components.nodePort))
  configuration.announceBy((prefix) => localNode.announceVersion(prefix))
  const authorities = stack.use(new Authorities({ store, authority, clock, log }))
  await authorities.begin()
  const software = stack.use(new MachineSoftware({ store, clock, log }))
  const mailSender = authority.email ?? DEFAULT_SENDER
  const enrolment = new Enrolment(
    {
      ...components,
      ...{ store, ledger, cryptography, configuration, authorities, software },
      communities: settings.communities,
    },
    { ...settings.registration, mailSender },
  )
  stack.use(enrolment.tokens)
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
  stack.use(new CatchUp({ store, clock, log, geoip: components.geoip }))
  stack.defer(() => known.save())
  store.onNotification(() => {
    configuration
      .follow()
      // Where a machine was that another process has shut out is not where the next one is that has its prefix.
      .then((isNew) => (isNew ? known.save() : undefined))
      .catch((error: unknown) =>
        log.warn({ err: error }, 'what another process has published cannot be read'),
      )
  })
  if (settings.webhooks)
    tellOperators(stack, settings.webhooks, {
      ...{ store, clock, log, reachable, localNode, configuration, primary },
      holders: ledger,
      network: authority.network,
    })
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
  // What is answered from memory would go on without the database.
  const checkReadable = oneAnswer(() => store.config('version'))
  const servers = new HttpServers({
    handlers,
    checkReady: oneAnswer(async () => {
      await checkReadable()
      await store.checkWritable()
      const refusal = primary?.refusal()
      if (refusal) throw refusal
    }),
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
      holders: () => ledger.batches(),
      reachable,
      ownNode: () => configuration.registryPrefix,
      checkReadable,
      clock,
    }),
    sessions,
    authorities,
    software,
    log,
    clock,
    trust: {
      authorizedOrigins: new Set([...LOOPBACK, ...settings.authorizedOrigins]),
      trustedProxies: new Set(settings.trustedProxies),
    },
    tls: credentials && {
      credentials,
      asksForCertificate: settings.tls?.clientCa !== undefined,
      port: () => listeners.tlsAddresses[0]?.port ?? 443,
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
  const listeners: RegistryListeners = stack.use(new RegistryListeners(servers, log))
  await listeners.open(settings)
  const { addresses, tlsAddresses } = listeners
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
        software,
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
  primary?.onSuperseded((error) => fail(error))
  stack.use(upkeep.daily((error) => fail(error)))
  // Who is told asks at once: only now is there somebody who answers. Also what was published before: the node may have missed it.
  configuration.announce()
  log.info(
    {
      network: networkCidr(authority.network),
      certificates: await ledger.size(),
      listen: [...addresses, ...tlsAddresses]
        .map(({ address, port }) => `${bracketed(address)}:${port}`)
        .join(' '),
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
