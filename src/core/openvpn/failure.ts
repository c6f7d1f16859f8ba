/** What OpenVPN logs, and what it means for people: the most telling first, for one failure causes several lines. */
const CAUSES: readonly (readonly [pattern: RegExp, meaning: string])[] = [
  [/Options error: (?!Please)(.*)/, 'openvpn refuses an option: $1'],
  [/key values mismatch/, 'the private key does not belong to the certificate'],
  [/Cannot load (private key|certificate|CA certificate) file (\S+)/, 'cannot use the $1 file $2'],
  [/Cannot resolve host address: (\S+?):\d+/, 'the name $1 cannot be resolved'],
  [/bind failed on local address .*?(\d+): Address already in use/, 'port $1 is in use'],
  [/Cannot open TUN\/TAP dev \S+: (.*?)(?: \(errno.*)?$/, 'no /dev/net/tun: $1'],
  [/Cannot ioctl TUNSETIFF (\S+): Device or resource busy/, 'the interface $1 is in use'],
  [/Cannot ioctl TUNSETIFF (\S+): (.*?)(?: \(errno.*)?$/, 'cannot make the interface $1: $2'],
  [/Received control message: AUTH_FAILED,(.+)/, 'refused by the peer: $1'],
  [/Received control message: AUTH_FAILED/, 'refused by the peer'],
  [/VERIFY X509NAME ERROR: .*?CN=([^,]+), must be (\S+)/, 'the node at this address is $1, not $2'],
  [/VERIFY ERROR: depth=0, error=([^:]+)/, 'certificate of the peer not accepted: $1'],
  [/VERIFY ERROR: depth=\d+, error=([^:]+)/, 'the peer is of another network: $1'],
  [
    /alert (?:number \d+:)?(certificate \w+|unknown ca|bad certificate)/,
    'the peer refuses our certificate: $1',
  ],
  [/Connection reset command was pushed by server \('(.+)'\)/, 'closed by the peer: $1'],
  [
    /Connection reset command was pushed|exit message received by peer|\[\w+,(?:remote|delayed)-exit\]/,
    'closed by the peer',
  ],
  [/Halt command was pushed by server/, 'closed by the peer'],
  [/Inactivity timeout|\[\w+,ping-(?:exit|restart)\]/, 'the peer is silent'],
  [/Connection refused/, 'connection refused'],
  [/No route to host/, 'no route to host'],
  [/[Nn]etwork (?:is )?unreachable/, 'network unreachable'],
  [/Connection timed out|Server poll timeout/, 'no answer'],
  [/TLS key negotiation failed to occur/, 'no answer during the TLS handshake'],
  [/Connection reset/, 'connection reset by the peer'],
  [/certificate verify failed/, 'TLS: certificate verify failed'],
  [/TLS handshake failed|TLS Error: (.*)/, 'TLS handshake failed'],
]

/** Name, if it is known, and address of a client, with IPv4 its port: what a server logs about one begins with it. */
const CLIENT = /^(?:\S+\/)?(?:\d+(?:\.\d+){3}:\d+|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*) /

/** Whether a line is about a client of the server that logged it: it says nothing of the server itself. */
export const isAboutClient = (line: string): boolean => CLIENT.test(line)

/** How OpenVPN says that a connection that was up has ended, before it does anything else about it. */
const END =
  /Connection reset, restarting|(?:Connection reset|Halt) command was pushed by server|exit message received by peer|Inactivity timeout|^SIG(?:USR1|TERM|INT|HUP)\[/

/** Whether a line says that the connection has ended that it is about. */
export const isEndOfConnection = (line: string): boolean => END.test(line)

/** Whether a line says that nobody listens there any more: the kernel of the peer's machine tells, over UDP. */
export const isRefusal = (line: string): boolean => /^read UDP.*Connection refused/.test(line)

/** Whether a server's line is about a client with this name and address; with IPv4, its port follows. */
export const isAboutPeer = (line: string, nameAndAddress: string, port: number): boolean =>
  [`:${port} `, ' '].some((next) => line.startsWith(`${nameAndAddress}${next}`))

/** What is known of a peer that does not let us in, or hangs up, as a reason. */
const UNWANTED =
  /refused by the peer|the peer refuses our certificate|closed by the peer|connection reset by the peer/

/** Whether a connection failed, or ended, because the peer does not want it: not for the network between. */
export const isUnwantedByPeer = (reason: string): boolean => UNWANTED.test(reason)

/** Why a connection failed or ended, in plain words, from what OpenVPN logged meanwhile; undefined if nothing says. */
export function failureReason(logged: readonly string[]): string | undefined {
  for (const [pattern, meaning] of CAUSES) {
    const line = logged.findLast((text) => pattern.test(text))
    if (line !== undefined) return (pattern.exec(line)?.[0] ?? '').replace(pattern, meaning)
  }
  return undefined
}
