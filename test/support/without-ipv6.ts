/*
 * Runs a program as on a kernel without IPv6 (`ipv6.disable=1`): sockets of that family cannot be made. A filter of
 * system calls (seccomp(2)) says so. Node.js cannot set one, and Perl can.
 */

/** Numbers of prctl(2) and socket(2). */
const SYSTEM_CALLS: Partial<Record<NodeJS.Architecture, readonly [prctl: number, socket: number]>> = {
  x64: [157, 41],
  arm64: [167, 198],
}

const PROGRAM = String.raw`
use strict;
my ($prctl, $socket) = splice @ARGV, 0, 2;
sub instruction { pack 'S C C L', @_ }
# If it is socket(AF_INET6, ...), the error is EAFNOSUPPORT.
my $filter = instruction(0x20, 0, 0, 0) . instruction(0x15, 0, 3, $socket)
  . instruction(0x20, 0, 0, 16) . instruction(0x15, 0, 1, 10)
  . instruction(0x06, 0, 0, 0x00050000 | 97) . instruction(0x06, 0, 0, 0x7fff0000);
my $program = pack 'S x6 P', 6, $filter;
syscall($prctl, 38, 1, 0, 0, 0) == 0 && syscall($prctl, 22, 2, $program, 0, 0) == 0 or die "seccomp: $!\n";
exec @ARGV or die "$ARGV[0]: $!\n";
`

/** A command line that runs this one so. @throws Error where the numbers of system calls are not known */
export function withoutIpv6(command: readonly string[]): [string, ...string[]] {
  const numbers = SYSTEM_CALLS[process.arch]
  if (numbers === undefined) throw new Error(`system calls of ${process.arch} are not known here`)
  return ['perl', '-e', PROGRAM, ...numbers.map(String), ...command]
}
