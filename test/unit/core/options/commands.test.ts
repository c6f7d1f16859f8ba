import { describe, expect, it } from 'vitest'
import type { Command } from '../../../../src/core/options/command.ts'
import { parseCommandLine, readCommandLine } from '../../../../src/core/options/command-line.ts'
import { CONF_COMMAND, confOptions } from '../../../../src/core/options/conf-options.ts'
import { type ParsedWords, plainValues } from '../../../../src/core/options/given-values.ts'
import { NODE_COMMAND, type NodeOptions, nodeOptions } from '../../../../src/core/options/node-options.ts'
import type { ReadFile } from '../../../../src/core/options/option-files.ts'
import { helpOf } from '../../../../src/core/options/option-parser.ts'
import { RE6ST_COMMAND, readRe6stCommandLine } from '../../../../src/core/options/re6st-options.ts'
import { type RegistryOptions, registryOptions } from '../../../../src/core/options/registry-option-checks.ts'
import { REGISTRY_COMMAND } from '../../../../src/core/options/registry-options.ts'
import type { PlainValue } from '../../../../src/core/options/value-types.ts'
import { ok, type Result, refuse } from '../../../../src/core/result.ts'
import { fc, test } from '../../../support/property.ts'
import { vectors } from '../../../support/vectors.ts'

interface Recorded {
  name: string
  command: 're6stnet' | 're6st-registry' | 're6st-conf'
  argv: string[]
  files: Record<string, string>
  options: Record<string, PlainValue> | 'parsed' | null
  exit?: number
  error?: string | null
}
const recorded = vectors<{ commands: Recorded[] }>('option-files.json').commands

const COMMANDS: Record<Recorded['command'], [Command, (words: ParsedWords) => Result<unknown>]> = {
  re6stnet: [NODE_COMMAND, nodeOptions],
  're6st-registry': [REGISTRY_COMMAND, registryOptions],
  're6st-conf': [CONF_COMMAND, confOptions],
}

const noFiles: ReadFile = () => refuse('no such file')
const filesOf =
  (files: Readonly<Record<string, string>>): ReadFile =>
  (path) =>
    Object.hasOwn(files, path) ? ok(files[path] ?? '') : refuse('no such file')

/** Refused when recorded, and allowed since: what a later version may add without hurting anyone. */
const ALLOWED_SINCE = new Set([
  'two dashes end the options: nothing may follow',
  'two dashes, nothing follows',
  'dh missing',
  'version: the registry has no such option',
])

/** Accepted when recorded, until the value was used: refused at once now. */
const REFUSED_SINCE = new Set([
  'everything', // --default with --gateway
  'negative number',
  'pp: port and protocol are not checked here',
  'ipv4 10.42/16 8',
  'ipv4 10.42.3.4/16 8',
  'ipv4 10.42.0.0/99 99',
  'ipv4 010.1.2.3/8 8',
  'ipv4 1/8 8',
])

describe('recorded command lines', () => {
  it.each(recorded)('$command: $name', ({ name, command: commandName, argv, files, options, exit }) => {
    const [command, read] = COMMANDS[commandName]
    const parsed = parseCommandLine(command, argv, filesOf(files))
    if (options === null && exit !== 0) {
      const all = readCommandLine(command, read, argv, filesOf(files))
      expect(all.ok).toBe(ALLOWED_SINCE.has(name))
      return
    }
    if (!parsed.ok) throw new Error(parsed.reason)
    if (exit === 0) return expect(parsed.value.kind).toBe('version')
    if (parsed.value.kind !== 'run') throw new Error(parsed.value.kind)
    const values = plainValues(command, parsed.value)
    if (!values.ok) throw new Error(values.reason)
    const expected = { ...(options as Record<string, PlainValue>) }
    const plain = Object.fromEntries(values.value)
    if (commandName === 're6st-registry') {
      // A default that depends on another option is not a plain value.
      plain['max_clients'] ??= 2 * Number(plain['client_count'])
      // There is nothing any more that it would be the default of.
      plain['run'] ??= '/var/run/re6stnet'
      // Of our own.
      for (const ours of [
        ...['passphrase', 'private', 'trusted_proxy', 'webhook', 'webhook_secret'],
        ...['tls_cert', 'tls_key', 'tls_port', 'tls_only', 'tls_client_ca'],
        ...['page', 'page_tls', 'page_url', 'registry_url', 'client_cert_ca', 'command_socket'],
        ...['oidc_issuer', 'oidc_client', 'oidc_secret', 'oidc_scope', 'oidc_claim', 'oidc_role'],
        ...['peer', 'peer_listen', 'peer_secret', 'standby'],
      ])
        delete plain[ours]
      expect(plain).toEqual(expected)
    } else if (commandName === 're6stnet') {
      // Of our own.
      delete plain['router']
      expect(plain).toEqual(expected)
    }
    expect(read(parsed.value).ok).toBe(
      !REFUSED_SINCE.has(name) || (commandName === 're6st-registry' && name === 'everything'),
    )
  })
})

const LEAST = ['--registry', 'http://r/', '--ca', 'ca', '--cert', 'cert', '--key', 'key']
const node = (...args: string[]) => readCommandLine(NODE_COMMAND, nodeOptions, [...LEAST, ...args], noFiles)
const nodeFile = (...lines: string[]) =>
  readCommandLine(
    NODE_COMMAND,
    nodeOptions,
    ['@f'],
    filesOf({ f: ['registry http://r/', 'ca ca', 'cert cert', 'key key', ...lines].join('\n') }),
  )
const reasonOf = (result: Result<unknown>) => (result.ok ? 'accepted' : result.reason)
const nodeRun = (...args: string[]): NodeOptions => {
  const request = node(...args)
  if (!request.ok || request.value.kind !== 'run') throw new Error(reasonOf(request))
  return request.value.options
}

describe('re6stnet', () => {
  it('has typed values', () => {
    expect(nodeRun()).toMatchObject({
      registry: new URL('http://r/'),
      ownAddresses: [],
      ipv4Source: 'gateway-or-peers',
      listeners: [{ port: 1194, protocol: 'tcp' }],
      disabledProtocols: new Set(['udp', 'udp6']),
      controlSocket: '/var/run/re6stnet/control.sock',
      verbosity: 2,
      client: undefined,
    })
    expect(
      nodeRun(
        '--ip',
        '2001:db8::1',
        '--ip',
        '192.0.2.1',
        '-r',
        '/r',
        '--neighbour',
        '5/16',
        '--',
        '--mute',
        '3',
      ),
    ).toMatchObject({
      ownAddresses: ['2001:db8::1', '192.0.2.1'],
      ipv4Source: 'given',
      controlSocket: '/r/control.sock',
      neighbours: ['0000000000000101'],
      openvpnArguments: ['--mute', '3'],
    })
  })

  it('has one server for each protocol, the first port wins', () => {
    const pp = (...words: string[]) => words.flatMap((one) => ['--pp', ...one.split(' ')])
    expect(
      nodeRun('--disable-proto', 'none', ...pp('1194 udp', '443 tcp', '444 tcp', '443 tcp6')).listeners,
    ).toEqual([
      { port: 1194, protocol: 'udp' },
      { port: 443, protocol: 'tcp' },
      { port: 443, protocol: 'tcp6' },
    ])
    expect(nodeRun('--max-clients', '0').listeners).toEqual([])
  })

  it('as a client has no server, and only remotes that are not disabled', () => {
    const { client, listeners } = nodeRun('--client', 'a,1,udp;b,2,tcp')
    expect(listeners).toEqual([])
    expect(client).toEqual([{ host: 'b', port: 2, protocol: 'tcp', country: undefined }])
  })

  it.each<[string, string]>([
    ['--pp 1194 udp', '--pp 1194 udp: this protocol is disabled; allowed are tcp, tcp6, see --disable-proto'],
    ['--pp 1194 --ip any', '--pp: it takes 2 values, it is used as: --pp PORT PROTO'],
    ['--pp x tcp', '--pp: PORT "x" must be a whole number from 1 to 65535'],
    ['--pp 1194', '--pp: it takes 2 values, it is used as: --pp PORT PROTO'],
    ['--pp 1194 icmp', '--pp: PROTO "icmp" must be one of udp, tcp, udp6, tcp6'],
    [
      '--client a,1,udp',
      '--client: all its protocols are disabled; allowed are tcp, tcp6, see --disable-proto',
    ],
    ['--client a,1', '--client: "a,1" must be HOST,PORT,PROTO with PROTO udp, tcp, udp6 or tcp6'],
    [
      '--ip any --ip 192.0.2.1',
      '--ip: any cannot be combined with 192.0.2.1: it must be the only one for IPv4',
    ],
    ['--ip any --ip upnp', '--ip: any cannot be combined with upnp: it must be the only one for IPv4'],
    ['--ip 192.0.2', '--ip: "192.0.2" must be an IPv4 or IPv6 address, any, or upnp'],
    [
      '--gateway -D',
      '--gateway: cannot be combined with --default: a gateway has its own way to the Internet',
    ],
    ['-v 9', '-v/--verbose: 9 must be a whole number from 0 to 4'],
    ['-v', '-v/--verbose: a value is missing, it is used as: --verbose LEVEL'],
    [
      '-O --fast-io',
      '-O: a value is missing, it is used as: -O ARG; what begins with a dash follows without a blank: -O--example',
    ],
    ['--registry ftp://x/', '--registry: "ftp://x/" must be a URL like http://re6st.example.com/'],
    ['--neighbour 5', '--neighbour: not a subnet name (like 5/16): "5"'],
    ['-i eth/0', '-i/--interface: "eth/0" must be the name of a network interface, like eth0'],
    ['--disable-proto udp4', '--disable-proto: "udp4" must be one of none, udp, tcp, udp6, tcp6'],
    ['--table 1', '--table: 1 must be a whole number from 0 to 0'],
    ['--frob', '--frob: no such option; see re6stnet --help'],
    [
      '--c x',
      'ambiguous option: --c could match --ca, --cert, --country, --console, --client-count, --client',
    ],
    ['@nowhere', '@nowhere: no such file'],
  ])('%s: %s', (args, reason) => {
    expect(reasonOf(node(...args.split(' ')))).toBe(reason)
  })

  it.each<[line: string, reason: string]>([
    ['hello 5', 'hello: no such option'],
    ['help', 'help: no such option'],
    ['V', 'V: no such option'],
    ['h', 'h: no such option'],
    ['Verbose 3', 'Verbose: no such option; did you mean verbose LEVEL?'],
    ['regstry http://R/', 'regstry: no such option; did you mean registry URL?'],
    ['interfac eth0', 'interfac: no such option; did you mean interface IFACE?'],
    ['interfaceeth0', 'interfaceeth0: no such option; did you mean interface IFACE?'],
    ['log/srv', 'log/srv: no such option; did you mean log DIR?'],
    ['lo /srv', 'lo: no such option; did you mean log DIR?'],
    ['log=/var/log/foo', 'log=/var/log/foo: write a blank instead of =, log /var/log/foo'],
    ['registry=http://r/', 'registry=http://r/: write a blank instead of =, registry http://r/'],
    ['stat=/srv', 'stat=/srv: no such option; did you mean state DIR?'],
    ['--log /x', '--log: write it without dashes, log'],
    ['Default', 'Default: no such option; did you mean default?'],
    ['log', '-l/--log: a value is missing, it is used as: --log DIR'],
    ['log /a # here', '# here: too many values; one option a line, and a comment on a line of its own'],
    ['gateway yes', 'yes: too many values; one option a line, and a comment on a line of its own'],
    ['verbose 9', '-v/--verbose: 9 must be a whole number from 0 to 4'],
    ['pp 1194 icmp', '--pp: PROTO "icmp" must be one of udp, tcp, udp6, tcp6'],
  ])('an option file with %j: %s', (line, reason) => {
    expect(reasonOf(nodeFile(line))).toBe(`@f, line 5: ${reason}`)
  })

  it.each(['v3', 'v 3', 'ieth0', 'O--verb', 'B-d1', 'l/srv', 'mD', '-log /srv', 'log /srv\r'])(
    'an option file with %j is read as by the Python implementation',
    (line) => {
      expect(nodeFile(line)).toMatchObject({ value: { kind: 'run' } })
    },
  )

  it('the later one of a file and the command line wins, and says where it is wrong', () => {
    const read = (...args: string[]) =>
      readCommandLine(NODE_COMMAND, nodeOptions, args, filesOf({ f: 'verbose 9' }))
    expect(reasonOf(read(...LEAST, '@f', '-v', '3'))).toBe('accepted')
    expect(reasonOf(read(...LEAST, '-v', '3', '@f'))).toMatch(/^@f, line 1: /)
  })

  it('an option that is nearly one, on the command line', () => {
    expect(reasonOf(node('--regstry', 'x'))).toBe('--regstry x: no such option; did you mean --registry?')
  })

  it('with arguments for babeld, babeld is the router', () => {
    expect(nodeRun()).toMatchObject({ router: 're6st', warnings: [] })
    for (const router of ['re6st', 'babeld'])
      expect(nodeRun('--router', router)).toMatchObject({ router, warnings: [] })
    expect(nodeRun('--router', 'babeld', '-B-d1')).toMatchObject({ router: 'babeld', warnings: [] })
    for (const words of [[], ['--router', 're6st']]) {
      const { router, warnings } = nodeRun(...words, '-B-d1')
      expect([router, warnings.length]).toEqual(['babeld', 1])
    }
  })

  it('warns of what is ignored', () => {
    expect(nodeRun('--table', '0').warnings).toEqual(['--table is obsolete and ignored: remove it'])
  })

  it.each<[string, number, string?]>([
    ["main_interface != 'eth0'", 1],
    ["main_interface != 'lo'", 0],
    ['verbose', 2],
    ['country', 0],
    ['registry', 1, 'http://r/'],
  ])('--test %j ends with %i', (expression, status, message) => {
    expect(node('--test', expression)).toEqual(ok({ kind: 'test', status, message }))
  })

  it('--test with a mistake says so', () => {
    expect(reasonOf(node('--test', 'verbose <'))).toBe('--test: the expression ends too early')
  })
})

describe('re6st-registry', () => {
  const registry = (...args: string[]) =>
    readCommandLine(REGISTRY_COMMAND, registryOptions, ['--ca', 'a', '--key', 'k', ...args], noFiles)

  it('has typed values', () => {
    const request = registry('-6', '', '--ipv4', '10.42.0.0/16', '8', '--authorized-origin', '192.0.2.1')
    const options: Partial<RegistryOptions> = {
      listenAddresses: ['0.0.0.0'],
      ipv4: { range: '10.42.0.0/16', subnetBits: 8 },
      authorizedOrigins: ['127.0.0.1', '::1', '192.0.2.1'],
      maxClients: 20,
      anonymousPrefixLength: 0,
      gracePeriodSeconds: 8_640_000,
    }
    expect(request).toMatchObject({ value: { kind: 'run', options } })
  })

  it.each<[string[], string[]]>([
    [[], []],
    [['--run', '/r'], ['--run is obsolete and ignored: remove it']],
    [['--smtp-starttls'], ['--smtp-user, --smtp-pwd and --smtp-starttls are ignored without --mailhost']],
    [['--smtp-starttls', '--mailhost', 'localhost'], []],
    [
      ['--mailhost', 'localhost', '--smtp-user', 'u', '--smtp-pwd', 'p'],
      ['--smtp-pwd is sent in the clear without --smtp-starttls'],
    ],
    [['--mailhost', 'localhost', '--smtp-user', 'u', '--smtp-pwd', 'p', '--smtp-starttls'], []],
  ])('%j warns of what is ignored', (args, warnings) => {
    expect(registry(...args)).toMatchObject({ value: { kind: 'run', options: { warnings } } })
  })

  it.each<[string[], string]>([
    [['-4', '', '-6', ''], '-4, -6: both are empty, the registry must listen on at least one address'],
    [['--smtp-user', 'u'], '--smtp-user: needs a password, see --smtp-pwd'],
    [
      ['--ipv4', '10.42.3.4/16', '8'],
      '--ipv4: 10.42.3.4/16 has bits behind its prefix: all after the first 16 must be 0',
    ],
    [['--ipv4', '10.42.0.0/16', '17'], '--ipv4: 10.42.0.0/16 17: N + PLEN must be at most 32'],
    [['--hello', '0'], '--hello: 0 must be a whole number from 1 to 655'],
    [['--', 'x'], 'x: nothing may follow --'],
  ])('%j: %s', (args, reason) => {
    expect(reasonOf(registry(...args))).toBe(reason)
  })
})

describe('re6st-conf', () => {
  const conf = (...args: string[]) =>
    readCommandLine(CONF_COMMAND, confOptions, ['--registry', 'http://r/', ...args], noFiles)

  it('takes a fingerprint as openssl prints it', () => {
    const digest = '0123456789abcdef0123456789abcdef01234567'
    const expected = { algorithm: 'sha1', digest: Buffer.from(digest, 'hex') }
    const printed = digest.toUpperCase().replace(/..(?=.)/g, '$&:')
    const forms = [`sha1:${digest}`, `SHA1:${printed}`, digest, printed, `sha1 Fingerprint=${printed}`]
    for (const form of forms)
      expect(conf('--fingerprint', form), form).toMatchObject({
        value: { options: { fingerprint: expected } },
      })
    expect(reasonOf(conf('--fingerprint', 'sha256:12'))).toContain('must have 64 hexadecimal digits')
    expect(reasonOf(conf('--fingerprint', '12'))).toContain('must be ALG:HEX')
  })

  it('a URL with more slashes than one at its end is that with one', () => {
    const read = readCommandLine(CONF_COMMAND, confOptions, ['--registry', 'http://r//'], noFiles)
    if (!read.ok || read.value.kind !== 'run') throw new Error('it is no command')
    expect(read.value.options.registry.href).toBe('http://r/')
  })

  it('a location is country and continent', () => {
    expect(reasonOf(conf('--location', 'FR'))).toMatch(/must be a country and its continent, like FR,EU$/)
  })

  it('refuses what contradicts itself', () => {
    expect(reasonOf(conf('--anonymous', '--token', 'x'))).toMatch(/^--anonymous: cannot be combined/)
  })
})

describe('re6st', () => {
  it.each<[string[], unknown]>([
    [
      ['status', '--wait', '60'],
      {
        ...{ command: 'status', json: false, waitSeconds: 60, follow: false, undo: false },
        controlSocket: '/var/run/re6stnet/control.sock',
      },
    ],
    [
      ['routes', '--json', '--console', '/c'],
      { command: 'routes', json: true, waitSeconds: 0, follow: false, undo: false, controlSocket: '/c' },
    ],
    [
      ['routes', '--console', '/c', '5/16', '--json'],
      {
        command: 'routes',
        json: true,
        waitSeconds: 0,
        follow: false,
        undo: false,
        controlSocket: '/c',
        node: '5/16',
      },
    ],
    [
      ['trace', '2001:db8:42:5::1', '--console=/c'],
      {
        ...{ command: 'trace', json: false, waitSeconds: 0, follow: false, undo: false, controlSocket: '/c' },
        node: '2001:db8:42:5::1',
      },
    ],
    [
      ['events', '-f', '--console', '/c'],
      { command: 'events', json: false, waitSeconds: 0, follow: true, undo: false, controlSocket: '/c' },
    ],
    [
      ['drain', '--undo', '--console', '/c'],
      { command: 'drain', json: false, waitSeconds: 0, follow: false, undo: true, controlSocket: '/c' },
    ],
  ])('%j', (args, options) => {
    expect(readRe6stCommandLine(args, noFiles)).toEqual(ok({ kind: 'run', options }))
  })

  it.each<[string[], string]>([
    [
      [],
      'a command is missing; there are join, status, tunnels, routes, trace, events, drain, doctor, firewall; "re6st --help" says what they do',
    ],
    [
      ['staus'],
      'staus: no such command, did you mean status; there are join, status, tunnels, routes, trace, events, drain, doctor, firewall; "re6st --help" says what they do',
    ],
    [
      ['frob'],
      'frob: no such command; there are join, status, tunnels, routes, trace, events, drain, doctor, firewall; "re6st --help" says what they do',
    ],
    [['--frob'], '--frob: no such option; see re6st --help'],
    [['--json', 'status', '5/16'], '--json: the command comes first: re6st status --json 5/16'],
    [
      ['trace', '--json'],
      'missing, but required: NODE, a node of the network: its name (like 5/16), its subnet, or an address in it',
    ],
    [
      ['routes', 'five'],
      'routes: "five" names no node: give its name (like 5/16), its subnet, or an address in it',
    ],
    [['trace', '5/16', '6/16'], '6/16: too many values; see re6st trace --help'],
    [['status', '5/16'], '5/16: too many values; see re6st status --help'],
    [['routes', '5/16', '--follow'], '--follow: no such option; see re6st routes --help'],
    [['status', '--undo'], '--undo: no such option; see re6st status --help'],
    [['events', '5/16'], '5/16: too many values; see re6st events --help'],
  ])('%j: %s', (args, reason) => {
    expect(reasonOf(readRe6stCommandLine(args, noFiles))).toBe(reason)
  })

  it('joins a network with what re6st-conf takes, where the service looks for its files', () => {
    const args = ['--registry', 'http://r/', '--token', 'x']
    const joined = readRe6stCommandLine(['join', ...args], noFiles)
    expect(joined).toMatchObject({
      value: { options: { command: 'join', options: { token: 'x', directory: '/etc/re6stnet' } } },
    })
    expect(readRe6stCommandLine(['join', ...args, '--dir', 'here'], noFiles)).toMatchObject({
      value: { options: { options: { directory: 'here' } } },
    })
    expect(reasonOf(readRe6stCommandLine(['join', ...args, '--anonymous'], noFiles))).toContain('--token')
  })

  it('has help for all and for each', () => {
    expect(readRe6stCommandLine(['--help'], noFiles)).toMatchObject({ value: { kind: 'help' } })
    const trace = readRe6stCommandLine(['trace', '--help'], noFiles)
    const shown = trace.ok && trace.value.kind === 'help' ? helpOf(trace.value.command, 100) : ''
    expect(shown).toMatch(/re6st trace \[OPTIONS\] NODE/)
    expect(shown).toMatch(/ NODE +a node of the network/)
    expect(helpOf(RE6ST_COMMAND, 100)).toMatch(
      /Commands:\n {2}join {6}joins a network[^\n]*\n {2}status {4}addresses/,
    )
  })

  it('asks the node of the service where that listens, unless it is told otherwise', () => {
    const readFile = filesOf({
      '/etc/re6stnet/re6stnet.conf': 'registry http://r/\nca c\ncert c\nkey k\nrun /srv/run\n',
    })
    const socketOf = (...args: string[]) => {
      const read = readRe6stCommandLine(['status', ...args], readFile)
      return read.ok && read.value.kind === 'run' && 'controlSocket' in read.value.options
        ? read.value.options.controlSocket
        : undefined
    }
    expect(socketOf()).toBe('/srv/run/control.sock')
    expect(socketOf('--json')).toBe('/srv/run/control.sock')
    expect(socketOf('--run', '/r')).toBe('/r/control.sock')
    expect(socketOf('--console', '/c')).toBe('/c')
  })

  describe('doctor', () => {
    const readFile = filesOf({
      '/etc/re6stnet/re6stnet.conf': '@more.conf\nca ca.crt\ncert cert.crt\nkey cert.key\n',
      '/etc/re6stnet/more.conf': 'registry http://r/\n',
      'other.conf': 'registry http://o/\nca c\ncert c\nkey k\nrun here\n',
    })

    it.each(['--json', '--js'])(
      'reads the options of the service unless it is given others: with %s',
      (json) => {
        expect(readRe6stCommandLine(['doctor', json], readFile)).toMatchObject({
          value: {
            options: {
              command: 'doctor',
              json: true,
              directory: '/etc/re6stnet',
              node: { ca: 'ca.crt', registry: new URL('http://r/') },
            },
          },
        })
      },
    )

    it('reads options as the node does', () => {
      expect(readRe6stCommandLine(['doctor', '@other.conf', '-D', '--', '--mlock'], readFile)).toMatchObject({
        value: {
          options: {
            json: false,
            directory: undefined,
            node: { controlSocket: 'here/control.sock', defaultRoute: true, openvpnArguments: ['--mlock'] },
          },
        },
      })
      expect(reasonOf(readRe6stCommandLine(['doctor', '@none'], readFile))).toBe('@none: no such file')
      expect(reasonOf(readRe6stCommandLine(['doctor'], noFiles))).toBe(
        '@/etc/re6stnet/re6stnet.conf: no such file; this machine is not enrolled yet (re6st join does that), or its node has another option file: name it, e.g. @re6stnet.conf',
      )
      for (const args of [
        ['--ca', 'x'],
        ['--verb', '3'],
      ])
        expect(reasonOf(readRe6stCommandLine(['doctor', ...args], readFile))).toMatch(
          /^missing, but required/,
        )
    })
  })

  describe('firewall', () => {
    const readFile = filesOf({
      '/etc/re6stnet/re6stnet.conf': 'registry http://r/\nca ca.crt\ncert cert.crt\nkey key\npp 80 tcp\n',
      'other.conf': 'registry http://o/\nca c\ncert c\nkey k\n',
    })

    it('reads the options of the service with nothing but options of its own', () => {
      for (const registry of [['--registry-conf', 'r.conf'], ['--registry-conf=r.conf']])
        expect(readRe6stCommandLine(['firewall', '--check', ...registry], readFile)).toMatchObject({
          value: {
            options: {
              ...{ command: 'firewall', check: true, iptables: false, json: false, registryFile: 'r.conf' },
              directory: '/etc/re6stnet',
              node: { listeners: [{ port: 80, protocol: 'tcp' }] },
            },
          },
        })
    })

    it('reads options as the node does', () => {
      const args = ['firewall', '--iptables', '@other.conf', '-i', 'eth0']
      expect(readRe6stCommandLine(args, readFile)).toMatchObject({
        value: {
          options: {
            ...{ iptables: true, directory: undefined, registryFile: undefined },
            commandLine: 're6st firewall --iptables @other.conf -i eth0',
            node: { interfaces: ['eth0'] },
          },
        },
      })
      expect(reasonOf(readRe6stCommandLine(['firewall', '--registry-conf'], readFile))).toMatch(
        /a value is missing/,
      )
    })
  })
})

describe('help', () => {
  it.each(Object.values(COMMANDS).map(([command]) => command))('of $name tells every option', (command) => {
    const help = helpOf(command, 100)
    for (const option of Object.values(command.options))
      for (const name of option.names) expect(help).toContain(` ${name}`)
    expect(help).not.toMatch(/undefined|\[object/)
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
  })
})

test(
  'any values are accepted or refused, in one line',
  fc.array(
    fc.tuple(
      fc.constantFrom(...Object.values(NODE_COMMAND.options).flatMap(({ names }) => names)),
      fc.oneof(fc.string(), fc.constantFrom('0', 'any', 'tcp', '1194', '::1', 'a,1,tcp')),
    ),
    { maxLength: 5 },
  ),
  (pairs) => {
    expect(reasonOf(node(...pairs.flat()))).toMatch(/^.+$/)
  },
)
