import { expect, it } from 'vitest'
import { unfollowedArguments } from '../../../../src/core/firewall/extra-arguments.ts'
import { fc, test } from '../../../support/property.ts'

it.each<[string[], string[]]>([
  [[], []],
  [['--fast-io', '--mssfix', '1200', '--sndbuf', '0'], []],
  [['--port', '443'], ['-O--port -O443']],
  [
    ['--fast-io', '--local', '192.0.2.1', '--mssfix', '1200', '--proto', 'udp6'],
    ['-O--local -O192.0.2.1', '-O--proto -Oudp6'],
  ],
  [
    ['--socks-proxy', 'proxy', '1080', '--config', 'more\nof it.conf'],
    ['-O--socks-proxy -Oproxy -O1080', "-O--config '-Omore of it.conf'"],
  ],
])('openvpn %j: %j', (openvpnArguments, found) =>
  expect(unfollowedArguments({ openvpnArguments, babelArguments: [] })).toEqual(found),
)

it.each<[string[], string[]]>([
  [['-d', '2', '-h4', '-rw', '-C', 'redistribute metric 128'], []],
  [['-p', '6697'], ['-B-p -B6697']],
  [
    ['-rp6697', '-C', 'interface eth1', '-k', '9', 'eth2'],
    ['-B-rp6697', "-B-C '-Binterface eth1'", '-Beth2'],
  ],
  [['-Cprotocol-group ff02::1:7'], ["'-B-Cprotocol-group ff02::1:7'"]],
  [['-c'], ['-B-c -B']],
])('babeld %j: %j', (babelArguments, found) =>
  expect(unfollowedArguments({ openvpnArguments: [], babelArguments })).toEqual(found),
)

test('each is one line, whatever the arguments are', fc.array(fc.string()), (words) => {
  const found = unfollowedArguments({ openvpnArguments: words, babelArguments: words })
  expect(found.join('')).not.toMatch(/[\n\r]/)
})
