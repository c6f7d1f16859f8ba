import type { PeerAddress, TunnelProtocol } from '../values/address-list.ts'

/** Paths of what proves who we are, and of what others' proofs are checked with. */
export interface CertificateFiles {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** What servers and clients have in common. */
export interface TunnelArguments {
  readonly iface: string
  readonly files: CertificateFiles
  /** Path of the Unix socket on which we wait for OpenVPN. */
  readonly managementSocket: string
  readonly encrypt: boolean
  readonly helloIntervalMs: number
  /** The user's own, last: OpenVPN takes the last of options that contradict each other. */
  readonly extraArguments: readonly string[]
}

/** The arguments of a server. */
export interface ServerArguments extends TunnelArguments {
  readonly protocol: TunnelProtocol
  readonly port: number
  readonly dhFile: string | undefined
}

/** The arguments of a client. */
export interface ClientArguments extends TunnelArguments {
  /** Common name that the server's certificate must have; undefined: any certificate of the network will do. */
  readonly peerName: string | undefined
  readonly remotes: readonly PeerAddress[]
}

/** A dead peer is one that was silent for so many hello intervals; Python nodes reckon the same. */
const SILENT_HELLOS = 4
/** Far more than a node is configured for: who may come in is decided for each client, by us. */
const MOST_CLIENTS = 1024
/** Covers four TCP or three UDP attempts of the kernel and of OpenVPN: lost packets are no reason to give up. */
const CONNECT_TIMEOUT_S = 10
/** A peer that began to answer, and then does not finish: the default of 60 s is long for a path with others to try. */
const HANDSHAKE_TIMEOUT_S = 30

/**
 * What one attempt may take in all: the way there, the handshake, and the wait for what the server pushes, which OpenVPN
 * gives as long as the handshake. Left to itself it heeds a server that asks for more time (AUTH_PENDING), which may be
 * half an hour.
 */
export const ATTEMPT_TIMEOUT_MS = (CONNECT_TIMEOUT_S + 2 * HANDSHAKE_TIMEOUT_S + 5) * 1000

/** Without it, a packet may wait for the acknowledgement of the one before: up to 100 ms at rest, 2 ms with it. */
const NO_DELAY = ['--socket-flags', 'TCP_NODELAY']

const SERVER_PROTOCOLS: Readonly<Record<TunnelProtocol, readonly string[]>> = {
  udp: ['udp4'],
  tcp: ['tcp4-server'],
  // Only then can both families have servers with the same port.
  udp6: ['udp6', '--bind', 'ipv6only'],
  tcp6: ['tcp6-server', '--bind', 'ipv6only'],
}

const CLIENT_PROTOCOLS: Readonly<Record<TunnelProtocol, string>> = {
  udp: 'udp4',
  tcp: 'tcp4-client',
  udp6: 'udp6',
  tcp6: 'tcp6-client',
}

/** True for the protocols that run over UDP. */
export const isDatagram = (protocol: TunnelProtocol): boolean => protocol === 'udp' || protocol === 'udp6'

/** Command line of a server: it asks about each client, and begins when it is told to. */
export const serverArguments = (server: ServerArguments): string[] => [
  ...['--mode', 'server', '--tls-server', '--persist-tun'],
  ...['--proto', ...SERVER_PROTOCOLS[server.protocol], '--port', String(server.port)],
  ...['--dh', server.dhFile ?? 'none', '--max-clients', String(MOST_CLIENTS)],
  // Python clients send no user name; without the second option they would not get as far as our answer.
  ...['--management-client-auth', '--auth-user-pass-optional'],
  ...(isDatagram(server.protocol) ? [] : NO_DELAY),
  ...commonArguments(server),
]

/**
 * What a server may tell a client: which of our addresses it sees, and what both must know of each other to exchange
 * packets (a cipher is one of those that we offer, or refused). A server is anybody of the network: left to itself,
 * OpenVPN would take addresses, routes to everything, an MTU, time limits and compression from it. The first filter
 * that a pushed option begins with decides, and an option begins with nothing, whatever it is.
 */
const PUSHED_OPTIONS = [
  'setenv-safe external_ip ',
  'peer-id ',
  'cipher ',
  'protocol-flags ',
  'key-derivation ',
]

const PULL_FILTERS = [
  ...PUSHED_OPTIONS.flatMap((option) => ['--pull-filter', 'accept', option]),
  ...['--pull-filter', 'ignore', ''],
]

/** Should anything get past the filters: OpenVPN changes neither addresses nor routes of this machine. */
const NO_EXECUTION = ['--ifconfig-noexec', '--route-noexec']

/** Command line of a client: it waits for our word before each attempt, so that we count them. */
export const clientArguments = (client: ClientArguments): string[] => [
  ...['--client', '--nobind', '--management-up-down'],
  ...PULL_FILTERS,
  ...NO_EXECUTION,
  ...client.remotes.flatMap(({ host, port, protocol }) => [
    ...['--remote', host, String(port), CLIENT_PROTOCOLS[protocol]],
  ]),
  ...(client.peerName === undefined ? [] : ['--verify-x509-name', client.peerName, 'name']),
  // Not 0: a name that is not found would end the process, and the other remotes would not be tried.
  ...['--resolv-retry', '1', '--connect-timeout', String(CONNECT_TIMEOUT_S)],
  ...['--hand-window', String(HANDSHAKE_TIMEOUT_S)],
  // Says goodbye, so that the server need not wait for silence. Passed over for the TCP remotes of a mixed list.
  ...(client.remotes.some(({ protocol }) => isDatagram(protocol)) ? ['--explicit-exit-notify', '1'] : []),
  ...(client.remotes.some(({ protocol }) => !isDatagram(protocol)) ? NO_DELAY : []),
  ...commonArguments(client),
]

/** True for a host that OpenVPN can be given: others could pass for options of its command line. */
export const isRemoteHost = (host: string): boolean => /^[A-Za-z0-9:_][A-Za-z0-9.:%_-]*$/.test(host)

function commonArguments(tunnel: TunnelArguments): string[] {
  const helloS = Math.max(1, Math.round(tunnel.helloIntervalMs / 1000))
  return [
    ...['--dev-type', 'tap', '--dev', tunnel.iface, '--verb', '3'],
    ...['--ca', tunnel.files.ca, '--cert', tunnel.files.cert, '--key', tunnel.files.key],
    ...cipherArguments(tunnel.encrypt),
    // Otherwise it makes a variable of each attribute of a peer's subject, and looks through all of them for each: with
    // a certificate of a thousand attributes, a server forwards nothing for seconds.
    ...['--x509-track', 'CN'],
    ...['--ping', String(helloS), '--ping-exit', String(SILENT_HELLOS * helloS)],
    ...['--management', tunnel.managementSocket, 'unix', '--management-client', '--management-hold'],
    ...tunnel.extraArguments,
  ]
}

/**
 * Without encryption, packets are still authenticated. The ciphers after `none` are for peers with OpenVPN 2.6 that
 * are not ours, which cannot offer `none`; the fallback is for peers too old to negotiate.
 */
const cipherArguments = (encrypt: boolean): string[] =>
  encrypt
    ? [
        ...['--data-ciphers', 'AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305'],
        ...['--data-ciphers-fallback', 'AES-256-GCM'],
      ]
    : [
        ...['--data-ciphers', 'none:AES-256-GCM:AES-128-GCM', '--data-ciphers-fallback', 'none'],
        // OpenVPN takes `none` for a cipher with small blocks, and negotiates a new key each 64 MB: there is nothing to
        // protect from too much of one key, and each time costs both sides an RSA signature. For AES it is the default.
        ...['--reneg-bytes', '0'],
      ]
