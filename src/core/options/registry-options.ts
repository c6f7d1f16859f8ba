import { OLDEST_PROTOCOL, PROTOCOL } from '../config/protocol-number.ts'
import type { Command } from './command.ts'
import { flag, optional, repeated, required, withDefault } from './option-table.ts'
import {
  countryCode,
  databasePlace,
  directoryPath,
  filePath,
  hostAndPort,
  httpUrl,
  integer,
  ipAddress,
  ipv4Range,
  listenAddress,
  nonEmpty,
  privateListener,
  roleValue,
  secretSource,
  text,
} from './value-types.ts'

/** Database of a registry that does not say another. */
export const DEFAULT_DATABASE = '/var/lib/re6stnet/registry.db'

/** What the first word may be. Without one of them, the registry runs. */
export const REGISTRY_SUBCOMMANDS = {
  init: 'makes a new network: its authority, and the option file of its registry',
  nodes: 'lists the machines of the network',
  show: 'prints all that is known of a machine, or the network in numbers',
  invite: 'makes, lists or deletes invitations',
  revoke: 'shuts out a machine, or revokes a certificate',
  keys: 'takes the next step of the rotation of the MAC keys, or says where it is',
  config: 'prints or changes the configuration of the network, or says what a change would do',
  admin: 'adds, removes or lists administrators of the page',
  token: 'makes, lists or deletes bearer tokens of programs that ask the API',
  audit: 'prints the audit log, or says whether it is whole',
  ca: 'renews the certificate of the authority, or says how long it is valid',
  backup: 'copies the database, also while the registry serves',
  restore: 'puts a backup in the place of the database',
  check: 'proves that the database is sound, or says what is wrong',
  import: 'copies a network from another database, also of the Python implementation',
  standby: 'promotes or drops the standby of a pair of registries, or says how it is',
} as const

const AUTHORITY = 'Authority'
const SERVICE = 'Service'
const TLS = 'TLS'
const CERTIFICATES = 'Certificates'
const SIGNING_IN = 'Signing in'
const MAIL = 'Mail'
const WATCH = 'Messages'
const PAIR = 'Pair'
const NETWORK = 'Configuration of the network'

/** Said of the registry and of the commands that ask it. */
const COMMAND_SOCKET_OTHERWISE =
  'default: beside a file of SQLite, PATH.socket; with PostgreSQL /run/re6st-registry/commands.socket'

/** Of the commands that ask a registry. */
export const ASKED_COMMAND_SOCKET = optional(filePath('PATH'), {
  names: ['--command-socket'],
  group: 'Registry',
  help: 'where the registry is asked, if it was started with this option',
  otherwise: COMMAND_SOCKET_OTHERWISE,
})

/** Of all that use the authority's key. */
export const keyPassphrase = (group: string) =>
  optional(secretSource, {
    names: ['--passphrase'],
    group,
    help: 'where the passphrase of the key, or the PIN of its token, is read from: path of a file, fd:N for an open file, or credential:NAME for one of systemd',
    otherwise: 'default: it is asked for at the terminal, if there is one',
  })

/** Where they are written: one would be written over the other, and a key lies in no file that is given away. */
export const mistakeOfAuthority = (ca: string, key: string): string | undefined =>
  plainPath(ca) === plainPath(key)
    ? `--ca, --key: both name ${ca}: the certificate of the authority and its key are in a file each`
    : undefined

const plainPath = (path: string): string =>
  path
    .split('/')
    .filter((part, at) => part !== '.' && (part !== '' || at === 0))
    .join('/')

/** Three hundred years: more is a mistake. */
const MAX_SECONDS = 300 * 365 * 24 * 3600

/** Babel counts intervals in hundredths of a second, in 16 bits (RFC 8966, 4.6.5). */
const MAX_HELLO_SECONDS = 655

/** The options of `re6st-registry`. */
export const REGISTRY_OPTIONS = {
  ca: required(filePath('FILE'), {
    names: ['--ca'],
    group: AUTHORITY,
    help: 'certificate of the authority, in PEM; its serial number carries the network',
  }),
  key: required(filePath('FILE|URI'), {
    names: ['--key'],
    group: AUTHORITY,
    help: 'private key of the authority: a file in PEM, or pkcs11:token=LABEL;object=LABEL, a key in a PKCS#11 token',
  }),
  passphrase: keyPassphrase(AUTHORITY),
  dh: optional(filePath('FILE'), {
    names: ['--dh'],
    group: AUTHORITY,
    help: 'Diffie-Hellman parameters in PEM, for old nodes that ask for them',
  }),
  port: withDefault(integer('N', 0, 0xffff), 80, {
    names: ['--port'],
    group: SERVICE,
    help: 'TCP port to listen on; 0: any free one',
  }),
  ipv4ListenAddress: withDefault(listenAddress(4), '0.0.0.0', {
    names: ['-4'],
    testName: 'bind4',
    group: SERVICE,
    help: 'IPv4 address to listen on; empty: none',
  }),
  ipv6ListenAddress: withDefault(listenAddress(6), '::', {
    names: ['-6'],
    testName: 'bind6',
    group: SERVICE,
    help: 'IPv6 address to listen on; empty: none',
  }),
  authorizedOrigins: repeated(ipAddress, {
    names: ['--authorized-origin'],
    group: SERVICE,
    help: 'address from which private methods may be called, too',
    always: [['127.0.0.1'], ['::1']],
  }),
  trustedProxies: repeated(ipAddress, {
    names: ['--trusted-proxy'],
    group: SERVICE,
    help: 'address of a proxy in front of the registry, whose X-Forwarded-For is believed: it must set it, or add to it',
  }),
  privateListener: optional(privateListener, {
    names: ['--private'],
    group: SERVICE,
    help: 'listen there for private methods, and refuse them elsewhere: path of a Unix socket, or ADDR:PORT',
    otherwise: 'default: they can be called wherever the registry listens',
  }),
  tlsCert: optional(filePath('FILE'), {
    names: ['--tls-cert'],
    group: TLS,
    help: 'certificate of this server in PEM, with those between it and an authority that clients know; read anew when it changes',
    otherwise: 'default: no TLS',
  }),
  tlsKey: optional(filePath('FILE'), {
    names: ['--tls-key'],
    group: TLS,
    help: 'private key of that certificate, in PEM',
  }),
  tlsPort: withDefault(integer('N', 0, 0xffff), 443, {
    names: ['--tls-port'],
    group: TLS,
    help: 'TCP port to listen on for TLS; 0: any free one',
  }),
  tlsOnly: flag({
    names: ['--tls-only'],
    group: TLS,
    help: 'do not listen on --port: all nodes have an https:// URL',
  }),
  tlsClientCa: optional(filePath('FILE'), {
    names: ['--tls-client-ca'],
    group: TLS,
    help: 'authority of administrators, in PEM: who shows a certificate that it signed may call private methods by TLS, from anywhere',
  }),
  page: optional(privateListener, {
    names: ['--page'],
    group: SERVICE,
    help: 'serve the page for administrators and the API there: ADDR:PORT, or path of a Unix socket; elsewhere than on loopback it needs --page-tls, or a proxy with TLS in front, see --page-url',
    otherwise: 'default: nowhere',
  }),
  isPageTls: flag({
    names: ['--page-tls'],
    group: SERVICE,
    help: 'the page speaks TLS itself, with --tls-cert and --tls-key',
  }),
  pageUrl: optional(httpUrl, {
    names: ['--page-url'],
    group: SERVICE,
    help: 'where browsers find the page, as links to it say and as proxies pass it on',
    otherwise: 'default: where it listens',
  }),
  clientCertCa: optional(filePath('FILE'), {
    names: ['--client-cert-ca'],
    group: SERVICE,
    help: 'authority of administrators, in PEM: who shows a certificate that it signed may sign in to the page as the administrator of that name; with --page-tls, or to a proxy that --trusted-proxy names and that passes it on as Client-Cert (RFC 9440)',
    otherwise: 'default: nobody signs in by certificate',
  }),
  oidcIssuer: optional(httpUrl, {
    names: ['--oidc-issuer'],
    group: SIGNING_IN,
    help: 'administrators may sign in to the page with OpenID Connect at this provider; https, unless it is this machine',
  }),
  oidcClient: optional(nonEmpty('ID'), {
    names: ['--oidc-client'],
    group: SIGNING_IN,
    help: 'what this registry is called there (client ID); it may redirect to /api/v1/session/openid/callback below the address of the page',
  }),
  oidcSecret: optional(secretSource, {
    names: ['--oidc-secret'],
    group: SIGNING_IN,
    help: 'where its secret there is read from: path of a file, fd:N, or credential:NAME',
  }),
  oidcScope: withDefault(nonEmpty('SCOPES'), 'openid profile email', {
    names: ['--oidc-scope'],
    group: SIGNING_IN,
    help: 'what the provider is asked for',
  }),
  oidcClaim: withDefault(nonEmpty('CLAIM'), 'roles', {
    names: ['--oidc-claim'],
    group: SIGNING_IN,
    help: 'claim by which the provider says roles or groups',
  }),
  oidcRoles: repeated(roleValue, {
    names: ['--oidc-role'],
    group: SIGNING_IN,
    help: 'ROLE is look, enrol or administer: who has this value in that claim has it; who has none may not sign in',
  }),
  registryUrl: optional(httpUrl, {
    names: ['--registry-url'],
    group: SERVICE,
    help: 'where machines find the registry, as invitations say it',
    otherwise: 'default: the host of the page, with --port',
  }),
  database: withDefault(databasePlace, DEFAULT_DATABASE, {
    names: ['--db'],
    group: SERVICE,
    help: 'database: a file of SQLite, or postgres://USER@HOST[,HOST...]/NAME: several registries may serve one network with it',
  }),
  commandSocket: optional(filePath('PATH'), {
    names: ['--command-socket'],
    group: SERVICE,
    help: 'where the commands nodes, show, invite, revoke, keys, config, token and "ca status" ask this registry: path of a Unix socket, for its own user only',
    otherwise: COMMAND_SOCKET_OTHERWISE,
  }),
  peer: optional(hostAndPort, {
    names: ['--peer'],
    group: PAIR,
    help: 'where the other registry of a pair is reached, on another machine: its --peer-listen. One serves, and the other is its standby',
    otherwise: 'default: there is no other',
  }),
  peerListen: optional(privateListener, {
    names: ['--peer-listen'],
    group: PAIR,
    help: 'listen there for the other registry of the pair: ADDR:PORT',
  }),
  peerSecret: optional(secretSource, {
    names: ['--peer-secret'],
    group: PAIR,
    help: 'where the secret is read from that both registries of the pair have, at least 32 characters: path of a file, fd:N, or credential:NAME',
  }),
  isStandby: flag({
    names: ['--standby'],
    group: PAIR,
    help: 'be the standby of --peer: have all that it has, and serve nothing until "re6st-registry standby promote"; after that the option does nothing while this one serves',
  }),
  logFile: withDefault(filePath('FILE'), '/var/log/re6stnet/registry.log', {
    names: ['-l', '--logfile'],
    group: SERVICE,
    help: 'log file',
  }),
  runDirectory: optional(directoryPath('DIR'), {
    names: ['-r', '--run'],
    group: SERVICE,
    help: 'obsolete, ignored: the registry has no sockets there',
  }),
  verbosity: withDefault(integer('LEVEL', 0, 4), 1, {
    names: ['-v', '--verbose'],
    group: SERVICE,
    help: 'detail of the log: 0 none, 1 warnings, 2 information, 3 debug, 4 trace',
  }),
  mailHost: optional(nonEmpty('HOST'), {
    names: ['--mailhost'],
    group: MAIL,
    help: 'SMTP server (HOST, HOST:PORT or [IPV6]:PORT) for the mails with tokens, or the path of an mbox file',
    otherwise: 'default: no registration by mail',
  }),
  smtpUser: optional(nonEmpty('USER'), {
    names: ['--smtp-user'],
    group: MAIL,
    help: 'user name at the SMTP server',
  }),
  smtpPassword: optional(text('PWD'), {
    names: ['--smtp-pwd'],
    group: MAIL,
    help: 'password at the SMTP server',
  }),
  smtpStartTls: flag({
    names: ['--smtp-starttls'],
    group: MAIL,
    help: 'encrypt the connection to the SMTP server',
  }),
  webhooks: repeated(httpUrl, {
    names: ['--webhook'],
    group: WATCH,
    help: 'send a message (POST, JSON) there when certificates end soon, the node of this machine or many nodes are gone, or keys leave nodes behind; https, unless it is this machine',
  }),
  webhookSecret: optional(secretSource, {
    names: ['--webhook-secret'],
    group: WATCH,
    help: 'where the secret is read from that signs these messages (HMAC-SHA-256 in the header Re6st-Signature): path of a file, fd:N, or credential:NAME',
  }),
  prefixLength: withDefault(integer('N', 0, 128), 16, {
    names: ['--prefix-length'],
    group: CERTIFICATES,
    help: 'bits of the prefix of a node that registers by mail; 0: no registration by mail',
  }),
  anonymousPrefixLength: optional(integer('N', 0, 128), {
    names: ['--anonymous-prefix-length'],
    group: CERTIFICATES,
    help: 'bits of the prefix of an anonymous node; 0: no anonymous registration',
    otherwise: 'default: 0',
  }),
  communityFile: optional(filePath('FILE'), {
    names: ['--community'],
    group: CERTIFICATES,
    help: 'which part of the network nodes of which countries get; needs a MaxMind country database, named by the environment variable GEOIP2_MMDB',
  }),
  gracePeriodSeconds: withDefault(integer('S', 0, MAX_SECONDS), 8_640_000, {
    names: ['--grace-period'],
    group: CERTIFICATES,
    help: 'seconds after its end during which a certificate can still be renewed',
  }),
  minProtocol: withDefault(integer('N', OLDEST_PROTOCOL, PROTOCOL), OLDEST_PROTOCOL, {
    names: ['--min-protocol'],
    group: NETWORK,
    help: 'oldest protocol of nodes that may run',
  }),
  ipv4: optional(ipv4Range, {
    names: ['--ipv4'],
    group: NETWORK,
    help: 'give each node an IPv4 subnet of N + PLEN bits in this range, e.g. 10.42.0.0/16 8',
  }),
  helloSeconds: withDefault(integer('S', 1, MAX_HELLO_SECONDS), 15, {
    names: ['--hello'],
    group: NETWORK,
    help: 'seconds between two Babel hellos; a link is dead after three to four',
  }),
  encrypt: flag({
    names: ['--encrypt'],
    group: NETWORK,
    help: 'encrypt tunnels (authenticated they always are)',
  }),
  clientCount: withDefault(integer('N', 0, 0xffff), 10, {
    names: ['--client-count'],
    group: NETWORK,
    help: 'number of client tunnels that each node makes',
  }),
  maxClients: optional(integer('N', 0, 0xffff), {
    names: ['--max-clients'],
    group: NETWORK,
    help: 'number of clients that each node accepts',
    otherwise: 'default: twice --client-count',
  }),
  tunnelRefreshSeconds: withDefault(integer('S', 1, MAX_SECONDS), 300, {
    names: ['--tunnel-refresh'],
    group: NETWORK,
    help: 'seconds after which each node replaces its least useful tunnel',
  }),
  sameCountry: repeated(countryCode, {
    names: ['--same-country'],
    group: NETWORK,
    help: 'no tunnels across the borders of this country',
  }),
} as const

/** The command `re6st-registry`. */
export const REGISTRY_COMMAND: Command<typeof REGISTRY_OPTIONS> = {
  name: 're6st-registry',
  description: 'The registry of a re6st network: gives certificates and configuration to its nodes.',
  options: REGISTRY_OPTIONS,
  takesOptionFiles: true,
  subcommands: REGISTRY_SUBCOMMANDS,
  runsAlone: true,
  epilogue:
    'Options may also be in a file, one per line without leading dashes, named as @FILE. SIGUSR1 opens the log file anew. "re6st-registry COMMAND --help" tells the options of a command.',
}
