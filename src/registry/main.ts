import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ONE_COMMUNITY, parseCommunities } from '../core/allocation/community.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import { isPkcs11Uri } from '../core/options/pkcs11-uri.ts'
import type { RegistryOptions } from '../core/options/registry-option-checks.ts'
import { mistakeOfAuthority } from '../core/options/registry-options.ts'
import { bracketed } from '../core/values/bracketed.ts'
import { systemClock } from '../platform/clock.ts'
import { type Logger, openLog } from '../platform/log.ts'
import { reopenOnSignal } from '../platform/main.ts'
import { readNamedFile } from '../platform/named-file.ts'
import { systemProcesses } from '../platform/processes.ts'
import { ServiceManager } from '../platform/service-manager.ts'
import { keepHeapSmall } from '../platform/small-heap.ts'
import { hearUnexpected } from '../platform/unexpected.ts'
import type { ApiSettings } from './api-listeners.ts'
import { authoritySigner, exposuresOf, readSecret } from './authority-key.ts'
import { commandSocket } from './command-socket.ts'
import { makeOwnDirectory } from './database/own-directory.ts'
import { openGeoIp } from './geoip.ts'
import { openMailer } from './mail.ts'
import { undoNewAuthority } from './new-authority.ts'
import { localUrl } from './node-steps.ts'
import { kernelReachableNodes } from './reachable-nodes.ts'
import { startRegistry } from './registry.ts'
import type { RegistrySettings, RunningRegistry } from './registry-settings.ts'
import type { PairSettings } from './standby/pair.ts'
import { isOfStandby } from './standby/role.ts'

const PAGE_FOLDER = fileURLToPath(new URL('./page/', import.meta.url))

/** Networks that are there stay as they are: that may be meant so, and should be known. */
const NOT_ENCRYPTED =
  'the tunnels of this network are not encrypted: everybody on the way of a packet can read it. --encrypt encrypts them, from the next start on'

/**
 * Runs a registry until TERM or INT.
 * @returns the exit status
 * @throws Re6stError when it cannot start, or cannot go on
 */
export async function runRegistry(options: RegistryOptions): Promise<number> {
  keepHeapSmall()
  makeOwnDirectory(options.database)
  const log = openLog({ file: options.logFile, verbosity: options.verbosity })
  using _ = reopenOnSignal(log)
  using manager = new ServiceManager({ processes: systemProcesses, clock: systemClock, log: log.logger })
  let unexpected: (error: Error) => void = () => {}
  using __ = hearUnexpected({ clock: systemClock, log: log.logger }, (error) => unexpected(error))
  const stopped = new Promise<Error | undefined>((resolve) => {
    unexpected = resolve
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(undefined))
  })
  const geoipPath = process.env['GEOIP2_MMDB']
  const geoip = geoipPath ? await openGeoIp(geoipPath, log.logger) : undefined
  if (options.sameCountry.length > 0 && geoip === undefined)
    throw new Re6stError(
      'OPTION',
      '--same-country needs a MaxMind country database: name it by the environment variable GEOIP2_MMDB',
    )
  if (options.communityFile !== undefined && geoip === undefined)
    log.logger.warn(
      '--community without GEOIP2_MMDB: only machines that say where they are get another than the default community',
    )
  const mailer =
    options.mailHost === undefined
      ? undefined
      : openMailer({
          mailhost: options.mailHost,
          user: options.smtpUser,
          password: options.smtpPassword,
          startTls: options.smtpStartTls,
        })
  const pair = pairOf(options)
  // A secret behind a file descriptor is read once, also of a standby that is promoted.
  const webhooks = webhooksOf(options)
  if (await isStoppedAsStandby(options, { pair, webhooks }, { manager, log: log.logger, stopped })) return 0
  if (await isStoppedBeforeItsStart(options, { manager, log: log.logger, stopped })) return 0
  const caPem = readNamedFile('--ca', options.ca)
  const signer = await authoritySigner(options)
  await using registry = await startRegistry(
    {
      caPem,
      signer,
      dhPem: options.dh === undefined ? undefined : readNamedFile('--dh', options.dh),
      databasePath: options.database,
      pair,
      listen: options.tlsOnly
        ? []
        : options.listenAddresses.map((address) => ({ address, port: options.port })),
      tls: tlsOf(options),
      authorizedOrigins: options.authorizedOrigins,
      trustedProxies: options.trustedProxies,
      webhooks,
      privateListener: options.privateListener,
      api: {
        listener: options.page,
        socketPath: commandSocket(options.database, options.commandSocket),
        pageUrl: options.pageUrl?.origin,
        isTls: options.isPageTls,
        openId: openIdOf(options),
        clientCertCa:
          options.clientCertCa === undefined
            ? undefined
            : readNamedFile('--client-cert-ca', options.clientCertCa),
        registryUrl: options.registryUrl?.href,
        pageFolder: PAGE_FOLDER,
      },
      registration: {
        mailPrefixLength: options.prefixLength,
        anonymousPrefixLength: options.anonymousPrefixLength,
      },
      communities:
        options.communityFile === undefined
          ? ONE_COMMUNITY
          : parseCommunities(readNamedFile('--community', options.communityFile)),
      gracePeriodMs: options.gracePeriodSeconds * 1000,
      network: { ...options },
    },
    {
      clock: systemClock,
      log: log.logger,
      mailer,
      geoip,
      reachable: ({ network }) => kernelReachableNodes(systemProcesses, network),
    },
  )
  const warnings = [
    ...options.warnings,
    ...exposuresOf(secretFilesOf(options)),
    ...(registry.isEncrypted ? [] : [NOT_ENCRYPTED]),
  ]
  for (const warning of warnings) log.logger.warn(warning)
  const served = `serving ${registry.network} on ${placesOf(registry)}`
  manager.ready(() => served)
  for (const warning of warnings) process.stderr.write(`re6st-registry: WARNING: ${warning}\n`)
  process.stdout.write(`re6st-registry: ${served}; log: ${options.logFile}\n`)
  const failure = await Promise.race([stopped, registry.failed])
  manager.stopping()
  if (failure) throw failure
  log.logger.info('registry stops')
  return 0
}

/** What an operator must say of a process beside which it begins. */
interface Surroundings {
  readonly manager: ServiceManager
  readonly log: Logger
  readonly stopped: Promise<Error | undefined>
}

/** A standby serves nothing until it is promoted. @returns whether the registry was stopped meanwhile */
async function isStoppedAsStandby(
  { isStandby, database, commandSocket: given, ca }: RegistryOptions,
  { pair, webhooks }: Pick<RegistrySettings, 'pair' | 'webhooks'>,
  { manager, log, stopped }: Surroundings,
): Promise<boolean> {
  if (!isStandby || !pair) {
    if (!isOfStandby(database)) return false
    throw new Re6stError(
      'CONFLICT',
      `--db ${database}: is that of a standby: start with --standby, or promote it by "re6st-registry standby promote"`,
    )
  }
  const { becomeStandby } = await import('./standby/standby.ts')
  const settings = {
    ...{ databasePath: database, caPem: readNamedFile('--ca', ca), pair, log },
    commandSocket: given,
    webhooks,
    clock: systemClock,
  }
  await using standby = await becomeStandby(settings)
  if (!standby) return false
  manager.ready(() => `standby of ${pair.peer.host}`)
  process.stdout.write(`re6st-registry: standby of ${pair.peer.host}:${pair.peer.port}\n`)
  return await Promise.race([
    standby.promoted.then(() => false),
    stopped.then((error) => {
      if (error) throw error
      return true
    }),
  ])
}

/** Without an authority, the page offers to make one. @returns whether the registry was stopped meanwhile */
async function isStoppedBeforeItsStart(
  options: RegistryOptions,
  { manager, log, stopped }: Surroundings,
): Promise<boolean> {
  const { page: place, isPageTls, ca, key, passphrase, pageUrl, database } = options
  if (!isPkcs11Uri(key)) removeUnfinished({ ca, key }, log)
  if (!place || passphrase !== undefined || isPkcs11Uri(key) || existsSync(ca) || existsSync(key))
    return false
  const mistake = mistakeOfAuthority(ca, key)
  if (mistake !== undefined) throw new Re6stError('OPTION', mistake)
  const { openFirstStart } = await import('./api/first-start.ts')
  const { TlsCredentials } = await import('./server/tls-credentials.ts')
  const files = tlsOf(options)
  using tls = files && new TlsCredentials(files, { clock: systemClock, log })
  await using page = await openFirstStart({
    ...{ place, ca, key, log },
    databasePath: database,
    registryUrl: ownRegistryUrl(options, tls?.hosts ?? []),
    tls: isPageTls ? tls : undefined,
    commandSocket: options.commandSocket,
    pageUrl: pageUrl?.origin,
    pageFolder: PAGE_FOLDER,
    clock: systemClock,
  })
  manager.ready(() => 'there is no network yet: the journal says where to make one')
  process.stdout.write(`re6st-registry: there is no network yet: make one at ${page.url}\n`)
  return await Promise.race([page.made.then(() => false), stopped.then(() => true)])
}

/**
 * Where the node of this machine finds the registry: by TLS, under a name that its certificate has.
 * @throws Re6stError `OPTION` when it has none
 */
function ownRegistryUrl(
  { tlsOnly, registryUrl, tlsPort, port }: RegistryOptions,
  [host]: readonly string[],
): string {
  if (!tlsOnly) return localUrl(port)
  if (registryUrl) return registryUrl.href
  if (host === undefined)
    throw new Re6stError(
      'OPTION',
      '--registry-url: is needed with --tls-only where the certificate of --tls-cert names no machine: say where nodes find the registry, by a name that it is for',
    )
  return new URL(`https://${host}:${tlsPort}/`).href
}

/** Half an authority, of a first start that was killed, would keep the next one from making one. */
function removeUnfinished(files: { readonly ca: string; readonly key: string }, log: Logger): void {
  try {
    undoNewAuthority(files, 'name other files by --ca and --key')
  } catch (error) {
    // Where there is an authority, it was made before, and only names are left.
    if (!existsSync(files.ca)) throw error
    log.warn({ reason: messageOf(error) }, 'what a first start that was killed has left cannot be removed')
  }
}

/** Where it listens, for people. */
function placesOf({ addresses, tlsAddresses, pagePort }: RunningRegistry): string {
  const textOf = ({ address, port }: RunningRegistry['addresses'][number]) => `${bracketed(address)}:${port}`
  const page = pagePort === undefined ? [] : [`port ${pagePort} (page)`]
  return [...addresses.map(textOf), ...tlsAddresses.map((place) => `${textOf(place)} (TLS)`), ...page].join(
    ', ',
  )
}

const openIdOf = ({
  oidcIssuer: issuer,
  oidcClient: clientId,
  oidcSecret: secret,
  oidcScope: scope,
  oidcClaim: claim,
  oidcRoles: roles,
}: RegistryOptions): ApiSettings['openId'] =>
  issuer === undefined || clientId === undefined || secret === undefined
    ? undefined
    : { issuer, clientId, clientSecret: readSecret('--oidc-secret', secret), scope, claim, roles }

const webhooksOf = ({ webhookSecret, webhooks: urls }: RegistryOptions): RegistrySettings['webhooks'] =>
  webhookSecret === undefined ? undefined : { urls, secret: readSecret('--webhook-secret', webhookSecret) }

/** What others must not read. */
const secretFilesOf = (options: RegistryOptions) => ({
  '--key': options.key,
  '--tls-key': options.tlsKey,
  '--passphrase': options.passphrase,
  '--oidc-secret': options.oidcSecret,
  '--webhook-secret': options.webhookSecret,
  '--peer-secret': options.peerSecret,
})

/** Shorter ones could be guessed by whoever records a handshake. */
const MIN_SECRET_LENGTH = 32

function pairOf({ peer, peerListen, peerSecret }: RegistryOptions): PairSettings | undefined {
  if (!peer || !peerListen || !peerSecret) return undefined
  const secret = readSecret('--peer-secret', peerSecret)
  if (secret.length < MIN_SECRET_LENGTH)
    throw new Re6stError(
      'OPTION',
      `--peer-secret: must have at least ${MIN_SECRET_LENGTH} characters: openssl rand -hex 32 makes one`,
    )
  return { peer: { ...peer, secret }, listen: peerListen }
}

const tlsOf = ({
  tlsCert: cert,
  tlsKey: key,
  tlsClientCa: clientCa,
  tlsPort: port,
  listenAddresses,
}: RegistryOptions): RegistrySettings['tls'] =>
  cert === undefined || key === undefined
    ? undefined
    : { cert, key, clientCa, listen: listenAddresses.map((address) => ({ address, port })) }
