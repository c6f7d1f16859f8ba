import { ok, type Result, refuse } from '../result.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import type { OptionsOf } from './option-table.ts'
import { REGISTRY_COMMAND, type REGISTRY_OPTIONS } from './registry-options.ts'
import { isUrl } from './value-types.ts'

type Values = OptionsOf<typeof REGISTRY_OPTIONS>

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** What a registry runs with. */
export interface RegistryOptions
  extends Omit<
    Values,
    'maxClients' | 'anonymousPrefixLength' | 'ipv4ListenAddress' | 'ipv6ListenAddress' | 'runDirectory'
  > {
  readonly maxClients: number
  /** 0: no anonymous registration. */
  readonly anonymousPrefixLength: number
  /** Addresses to listen on, at most one of each family, at least one. */
  readonly listenAddresses: readonly string[]
  /** For the operator, at start: options that are ignored. */
  readonly warnings: readonly string[]
}

/** Checks all options of a registry, together. */
export function registryOptions(words: ParsedWords): Result<RegistryOptions> {
  const values = optionValues(REGISTRY_COMMAND, words)
  if (!values.ok) return values
  for (const mistakeOf of [ofListening, ofTls, ofWebhooks, ofPage, ofOpenId, ofPair, ofMail]) {
    const mistake = mistakeOf(values.value)
    if (mistake !== undefined) return refuse(mistake)
  }
  const { ipv4ListenAddress: _4, ipv6ListenAddress: _6, runDirectory: _run, ...rest } = values.value
  return ok({
    ...rest,
    listenAddresses: addressesOf(values.value),
    maxClients: rest.maxClients ?? 2 * rest.clientCount,
    anonymousPrefixLength: rest.anonymousPrefixLength ?? 0,
    warnings: warningsOf(values.value),
  })
}

const addressesOf = ({ ipv4ListenAddress, ipv6ListenAddress }: Values): readonly string[] =>
  [ipv4ListenAddress, ipv6ListenAddress].filter((address) => address !== '')

const warningsOf = ({
  runDirectory,
  mailHost,
  smtpUser,
  smtpPassword,
  smtpStartTls,
}: Values): readonly string[] => [
  ...(runDirectory === undefined ? [] : ['--run is obsolete and ignored: remove it']),
  ...(mailHost === undefined && (smtpStartTls || smtpPassword !== undefined)
    ? ['--smtp-user, --smtp-pwd and --smtp-starttls are ignored without --mailhost']
    : []),
  ...(smtpUser !== undefined && mailHost !== undefined && !smtpStartTls
    ? ['--smtp-pwd is sent in the clear without --smtp-starttls']
    : []),
]

/** What is missing, or of no use. */
type MistakeOf = (values: Values) => string | undefined

const ofListening: MistakeOf = (values) =>
  addressesOf(values).length === 0
    ? '-4, -6: both are empty, the registry must listen on at least one address'
    : undefined

const ofTls: MistakeOf = ({ tlsCert, tlsKey, tlsOnly, tlsClientCa }) => {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    return `${tlsCert === undefined ? '--tls-key' : '--tls-cert'}: --tls-cert and --tls-key go together`
  return tlsCert === undefined && (tlsOnly || tlsClientCa !== undefined)
    ? `${tlsOnly ? '--tls-only' : '--tls-client-ca'}: needs --tls-cert and --tls-key`
    : undefined
}

const ofWebhooks: MistakeOf = ({ webhooks, webhookSecret }) => {
  const open = webhooks.find((url) => url.protocol !== 'https:' && !LOOPBACK.test(url.hostname))
  if (open) return `--webhook ${open.href}: must be an https:// URL, unless it is this machine`
  return webhooks.length > 0 !== (webhookSecret !== undefined)
    ? '--webhook, --webhook-secret: go together'
    : undefined
}

const ofPage: MistakeOf = ({ page, pageUrl, isPageTls, tlsCert, trustedProxies, clientCertCa }) => {
  if (isPageTls && (page?.kind !== 'address' || tlsCert === undefined))
    return '--page-tls: needs --page ADDR:PORT, and --tls-cert and --tls-key'
  if (isPageTls && pageUrl !== undefined && pageUrl.protocol !== 'https:')
    return `--page-url ${pageUrl.href}: must be an https:// URL with --page-tls`
  const isOpen = page?.kind === 'address' && !isPageTls && pageUrl?.protocol !== 'https:'
  if (isOpen && !/^(127\.|::1$)/.test(page.address))
    return `--page ${page.address}: passwords would be sent in the clear: listen on 127.0.0.1, say --page-tls, or put a proxy with TLS in front and say --page-url https://…`
  if (pageUrl !== undefined && page === undefined) return '--page-url: is of no use without --page'
  const hearsOfCertificates = page !== undefined && (isPageTls || trustedProxies.length > 0)
  return clientCertCa !== undefined && !hearsOfCertificates
    ? '--client-cert-ca: needs --page, with --page-tls or a proxy that --trusted-proxy names'
    : undefined
}

const ofOpenId: MistakeOf = ({ page, oidcIssuer, oidcClient, oidcSecret, oidcRoles }) => {
  const parts = [oidcIssuer, oidcClient, oidcSecret, oidcRoles[0]]
  if (parts.every((part) => part === undefined)) return undefined
  if (parts.includes(undefined))
    return '--oidc-issuer, --oidc-client, --oidc-secret, --oidc-role: go together'
  if (page === undefined) return '--oidc-issuer: is of no use without --page'
  return oidcIssuer && oidcIssuer.protocol !== 'https:' && !LOOPBACK.test(oidcIssuer.hostname)
    ? `--oidc-issuer ${oidcIssuer.href}: must be an https:// URL, unless it is this machine`
    : undefined
}

const ofPair: MistakeOf = ({ peer, peerListen, peerSecret, isStandby, database }) => {
  const parts = [peer, peerListen, peerSecret]
  if (parts.every((part) => part === undefined))
    return isStandby ? '--standby: needs --peer, --peer-listen and --peer-secret' : undefined
  if (parts.includes(undefined)) return '--peer, --peer-listen, --peer-secret: go together'
  if (peerListen?.kind === 'socket')
    return '--peer-listen: must be ADDR:PORT: the other registry is elsewhere'
  return isUrl(database) || database === ':memory:'
    ? '--peer: is for a file of SQLite; PostgreSQL has standbys of its own'
    : undefined
}

const ofMail: MistakeOf = ({ smtpUser, smtpPassword }) =>
  smtpUser !== undefined && smtpPassword === undefined
    ? '--smtp-user: needs a password, see --smtp-pwd'
    : undefined
