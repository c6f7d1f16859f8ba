import { describe, expect, it } from 'vitest'
import {
  failureReason,
  isAboutClient,
  isEndOfConnection,
  isRefusal,
  isUnwantedByPeer,
} from '../../../../src/core/openvpn/failure.ts'
import { linkRemoteOf } from '../../../../src/core/openvpn/link-remote.ts'
import { checkOpenvpnVersion } from '../../../../src/core/openvpn/version.ts'
import { fc, test } from '../../../support/property.ts'

describe('why a connection failed is told', () => {
  // As OpenVPN 2.6.14 logs it.
  const cases: readonly (readonly [reason: string, ...logged: string[]])[] = [
    [
      'connection refused',
      'TCP: connect to [AF_INET]10.9.0.1:1999 failed: Connection refused',
      'SIGUSR1[connection failed(soft),connection-failed] received, process restarting',
    ],
    [
      'connection refused',
      'read UDPv4 [ECONNREFUSED]: Connection refused (fd=4,code=111)',
      'Server poll timeout, restarting',
    ],
    [
      'no answer',
      'Server poll timeout, restarting',
      'SIGUSR1[soft,server_poll] received, process restarting',
    ],
    ['no answer', 'TCP: connect to [AF_INET]10.9.0.77:1999 failed: Connection timed out'],
    ['no route to host', 'TCP: connect to [AF_INET]10.9.0.77:1999 failed: No route to host'],
    ['network unreachable', 'write UDPv4 []: Network is unreachable (fd=4,code=101)'],
    [
      'the name nonesuch.invalid cannot be resolved',
      'RESOLVE: Cannot resolve host address: nonesuch.invalid:1999 (Temporary failure in name resolution)',
      'Could not determine IPv4/IPv6 protocol',
    ],
    [
      'the node at this address is 0/16, not 5/16',
      'VERIFY X509NAME ERROR: serialNumber=0, CN=0/16, must be 5/16',
      'OpenSSL: error:0A000086:SSL routines::certificate verify failed:',
      'TLS Error: TLS handshake failed',
    ],
    [
      'the peer is of another network: self-signed certificate in certificate chain',
      'VERIFY ERROR: depth=1, error=self-signed certificate in certificate chain: C=FR, CN=re6st test CA, serial=3',
      'TLS Error: TLS handshake failed',
    ],
    [
      'certificate of the peer not accepted: certificate has expired',
      'VERIFY ERROR: depth=0, error=certificate has expired: CN=5/16, serial=3',
    ],
    [
      'refused by the peer: all "places" are taken, sorry',
      'AUTH: Received control message: AUTH_FAILED,all "places" are taken, sorry',
      'SIGTERM[soft,auth-failure] received, process exiting',
    ],
    [
      'port 1194 is in use',
      'TCP/UDP: Socket bind failed on local address [AF_INET][undef]:1194: Address already in use (errno=98)',
    ],
    ['the interface s1 is in use', 'ERROR: Cannot ioctl TUNSETIFF s1: Device or resource busy (errno=16)'],
    [
      'cannot make the interface s1: Operation not permitted',
      'ERROR: Cannot ioctl TUNSETIFF s1: Operation not permitted (errno=1)',
    ],
    [
      'no /dev/net/tun: No such file or directory',
      'ERROR: Cannot open TUN/TAP dev /dev/net/tun: No such file or directory (errno=2)',
    ],
    [
      "openvpn refuses an option: --key fails with 'x.key': No such file or directory (errno=2)",
      "Options error: --key fails with 'x.key': No such file or directory (errno=2)",
      'Options error: Please correct these errors.',
    ],
    [
      'the private key does not belong to the certificate',
      'OpenSSL: error:05800074:x509 certificate routines::key values mismatch:',
      'Cannot load private key file other-ca.key',
    ],
    ['connection reset by the peer', 'Connection reset, restarting [0]'],
    ['closed by the peer', "Connection reset command was pushed by server ('')"],
    ['closed by the peer: in use twice', "Connection reset command was pushed by server ('in use twice')"],
    ['closed by the peer', '1/16/10.9.0.2:37141 SIGTERM[soft,remote-exit] received, client-instance exiting'],
    ['the peer is silent', '1/16/10.9.0.2:37141 [1/16] Inactivity timeout (--ping-exit), exiting'],
  ]
  for (const [reason, ...logged] of cases)
    it(`as ${reason}`, () => {
      expect(failureReason(['Timers: ping 15, ping-exit 60', ...logged, 'Closing TUN/TAP interface'])).toBe(
        reason,
      )
    })

  it('only when a line tells it', () => {
    expect(failureReason([])).toBeUndefined()
    expect(failureReason(['Timers: ping 15, ping-exit 60', 'VERIFY OK: depth=0, CN=0/16'])).toBeUndefined()
  })

  test('in one line, whatever is logged', fc.array(fc.string()), (logged) => {
    expect(failureReason(logged) ?? '').toBeTypeOf('string')
  })
})

describe('the remote that is being tried', () => {
  it('is read from the log', () => {
    expect(linkRemoteOf('Attempting to establish TCP connection with [AF_INET]10.9.0.1:1194')).toEqual({
      address: '10.9.0.1',
      port: 1194,
      protocol: 'tcp',
    })
    expect(linkRemoteOf('UDPv6 link remote: [AF_INET6]fd00:9::1:1194')).toEqual({
      address: 'fd00:9::1',
      port: 1194,
      protocol: 'udp6',
    })
    expect(linkRemoteOf('UDPv4 link remote: [AF_UNSPEC]')).toBeUndefined()
  })

  test('or is unknown', fc.string(), (text) => {
    expect(linkRemoteOf(text)).toBeUndefined()
  })
})

describe('an OpenVPN', () => {
  it('that is new enough is known by its version', () => {
    expect(checkOpenvpnVersion('OpenVPN 2.6.14 x86_64-pc-linux-gnu [SSL (OpenSSL)]\nlibrary …')).toEqual({
      ok: true,
      value: '2.6.14',
    })
    expect(checkOpenvpnVersion('OpenVPN 2.7_beta1 x86_64')).toMatchObject({ ok: true })
    expect(checkOpenvpnVersion('OpenVPN 3.0.0 x86_64')).toMatchObject({ ok: true })
  })

  it('that is too old, or something else, is refused', () => {
    expect(checkOpenvpnVersion('OpenVPN 2.5.9 x86_64')).toEqual({
      ok: false,
      reason: 'openvpn 2.5.9 is too old: 2.6 or later is needed',
    })
    expect(checkOpenvpnVersion('')).toMatchObject({ ok: false })
  })
})

it.each([
  ["1/16/203.0.113.3:55308 SENT CONTROL [1/16]: 'AUTH_FAILED,the certificate is revoked' (status=1)", true],
  ['203.0.113.3:55308 Connection reset, restarting [0]', true],
  ['1/16/2001:db8::1:55308 [1/16] Inactivity timeout (--ping-exit), exiting', true],
  ['1/16/2001:db8::ab CC-EEN exit message received by peer', true],
  ['AUTH: Received control message: AUTH_FAILED,the certificate is revoked', false],
  ['TCP/UDP: Socket bind failed on local address [AF_INET][undef]:1194: Address already in use', false],
  ['[0/16] Peer Connection Initiated with [AF_INET]203.0.113.2:1194', false],
  ['event_wait : Interrupted system call (fd=-1,code=4)', false],
])('what a server logs about a client is told from what it logs about itself: %s', (line, is) => {
  expect(isAboutClient(line)).toBe(is)
})

it('a peer that refuses or hangs up is told from a network that does not carry us there', () => {
  const isUnwanted = (line: string) => isUnwantedByPeer(failureReason([line]) ?? '')
  expect(isUnwanted('AUTH: Received control message: AUTH_FAILED,the certificate is revoked')).toBe(true)
  expect(isUnwanted("Connection reset command was pushed by server ('')")).toBe(true)
  expect(isUnwanted('TCP: connect to [AF_INET]10.9.0.1:1999 failed: Connection refused')).toBe(false)
  expect(isUnwanted('[0/16] Inactivity timeout (--ping-exit), exiting')).toBe(false)
})

it.each([
  ['read UDPv4 [ECONNREFUSED]: Connection refused (fd=3,code=111)', true],
  ['read UDPv6 [ECONNREFUSED]: Connection refused (fd=3,code=111)', true],
  ['TCP: connect to [AF_INET]10.9.0.1:1999 failed: Connection refused', false],
  ['read UDPv4 [EHOSTUNREACH]: No route to host (fd=3,code=113)', false],
])('that nobody listens there any more is told from all else: %s', (line, is) => {
  expect(isRefusal(line)).toBe(is)
})

it.each([
  ['Connection reset, restarting [0]', true],
  ["Connection reset command was pushed by server ('the certificate was revoked')", true],
  ['CC-EEN exit message received by peer', true],
  ['OCC exit message received by peer', true],
  ['[0/16] Inactivity timeout (--ping-exit), exiting', true],
  ['SIGTERM[soft,remote-exit] received, process exiting', true],
  ['[0/16] Peer Connection Initiated with [AF_INET]203.0.113.2:1194', false],
  ['write TCPv4_CLIENT: Broken pipe (fd=4,code=32)', false],
  ['TLS: soft reset sec=3600/3600 bytes=1/-1 pkts=1/0', false],
])('that a connection has ended is told from all else: %s', (line, is) => {
  expect(isEndOfConnection(line)).toBe(is)
})
