import type { Probe } from '../../core/firewall/probe.ts'
import type { Processes } from '../../platform/processes.ts'

/*
 * Node.js has no sockets for packets as they are on the wire, and Perl is there on every Debian (perl-base). Each line of
 * the input is a mark, "receive" or "send", index and name of an interface, the destination, and the bytes. What is
 * received goes into our own link, from which it is redirected; what is sent is bound to its interface.
 */
const SENDER = String.raw`
use strict; use Socket;
my ($pause, $link) = @ARGV;
my ($frames, %raw);
while (my $line = <STDIN>) {
  my ($mark, $kind, $index, $name, $to, $hex) = split ' ', $line;
  my ($bytes, $done) = (pack('H*', $hex), undef);
  if ($kind eq 'receive') {
    if (!$frames) {
      socket($frames, 17, SOCK_RAW, 0) or die "no raw socket: $!\n";
      bind($frames, pack('S n i S C C a8', 17, 0, $link, 0, 0, 0, '')) or die "bind: $!\n";
    }
    $done = syswrite($frames, $bytes);
  } else {
    my $is6 = $to =~ /:/;
    my $socket = $raw{"$is6 $name"};
    if (!$socket) {
      socket($socket, $is6 ? AF_INET6 : AF_INET, SOCK_RAW, 255) or die "no raw socket: $!\n";
      if (!setsockopt($socket, 1, 25, pack('Z*', $name))) { print "$mark $name: $!\n"; next; }
      $raw{"$is6 $name"} = $socket;
    }
    $done = send($socket, $bytes, 0, $is6
      ? Socket::pack_sockaddr_in6(0, Socket::inet_pton(AF_INET6, $to), $index)
      : pack_sockaddr_in(0, inet_aton($to)));
  }
  print "$mark $!\n" unless defined $done;
  select(undef, undef, undef, $pause);
}
`

/** A locally administered address: that of nobody. */
const SOURCE_ADDRESS = Buffer.from([2, 0, 0, 0, 0, 1])
const ETHER_TYPE = { ipv4: [0x08, 0x00], ipv6: [0x86, 0xdd] } as const

/** The link by which packets come in. */
export interface OwnLink {
  readonly index: number
  /** Address of its other end. */
  readonly address: Buffer
}

/**
 * Sends probes one after another.
 * @returns what the kernel said against some of them, by their marks
 * @throws Re6stError when Perl is missing, or may not
 */
export async function sendProbes(
  probes: readonly Probe[],
  link: OwnLink,
  pauseMs: number,
  processes: Processes,
): Promise<ReadonlyMap<string, string>> {
  const lines = probes.map((probe) => {
    const { mark, entry, index, iface, daddr, bytes, group, packet } = probe
    const frame =
      entry === 'send'
        ? bytes
        : Buffer.concat([
            group ?? link.address,
            SOURCE_ADDRESS,
            Buffer.from(ETHER_TYPE[packet.family]),
            bytes,
          ])
    return [mark, entry, index, iface, daddr, frame.toString('hex')].join(' ')
  })
  const { stdout } = await processes.run('perl', ['-e', SENDER, String(pauseMs / 1000), String(link.index)], {
    input: `${lines.join('\n')}\n`,
  })
  return new Map(
    stdout.split('\n').flatMap((line) => {
      const [, mark, reason] = /^(\d+) (.*)$/.exec(line) ?? []
      return mark === undefined || reason === undefined ? [] : [[mark, reason] as const]
    }),
  )
}
