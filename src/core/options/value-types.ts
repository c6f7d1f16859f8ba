import { isIP, isIPv4, isIPv6 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'
import {
  type PeerAddress,
  parseAddressList,
  TUNNEL_PROTOCOLS,
  type TunnelProtocol,
} from '../values/address-list.ts'
import { isEmailAddress } from '../values/email-address.ts'
import { networkOfCidr } from '../values/network-range.ts'
import { type Network, type Prefix, prefixOfSubnetName } from '../values/prefix.ts'
import { ROLES, type Role } from '../values/roles.ts'

/** A value as --test expressions see it: what the words stand for, before anyone asks whether it makes sense. */
export type PlainValue = null | boolean | number | string | readonly PlainValue[]

/** What a shell may offer for a word: names of what there is on this machine, or one of a few words. */
export type Offer = 'files' | 'directories' | 'interfaces' | readonly string[]

/** How the words after an option become its value. Reasons say what is allowed. */
export interface ValueType<Value> {
  /** What the help calls the words. */
  readonly metavar: readonly string[]
  /** What shells offer for each word; nothing where it is undefined. */
  readonly offers?: readonly (Offer | undefined)[]
  /** The words as --test sees them. */
  plain(words: readonly string[]): Result<PlainValue>
  read(words: readonly string[]): Result<Value>
}

/** A type of one word, whose plain value is that word unless `plain` says something else. */
function oneWord<Value>(
  metavar: string,
  read: (word: string) => Result<Value>,
  plain: (word: string) => Result<PlainValue> = ok,
): ValueType<Value> {
  return {
    metavar: [metavar],
    read: ([word = '']) => read(word),
    plain: ([word = '']) => plain(word),
  }
}

/** Any text. */
export const text = (metavar: string): ValueType<string> => oneWord<string>(metavar, ok)

/** A path or a name that must not be empty. */
export const nonEmpty = (metavar: string): ValueType<string> =>
  oneWord<string>(metavar, (word) => (word === '' ? refuse('must not be empty') : ok(word)))

/** The path of a file. */
export const filePath = (metavar: string): ValueType<string> => ({ ...nonEmpty(metavar), offers: ['files'] })

const POSTGRES = /^postgres(?:ql)?:/i
const ANY_URL = /^[a-z][a-z\d+.-]*:\/\//i

/** Whether a URL is meant, of whatever kind, rather than a file. */
export const isUrl = (place: string): boolean => POSTGRES.test(place) || ANY_URL.test(place)

/** Where a registry has its database: the path of a file of SQLite, or a URL of PostgreSQL. */
export const databasePlace: ValueType<string> = {
  ...oneWord('PATH|URL', (word) =>
    word === ''
      ? refuse('must not be empty')
      : // Another kind of database, or a mistyped one.
        ANY_URL.test(word) && !POSTGRES.test(word)
        ? refuse('must be the path of a file, or postgres://USER@HOST/NAME')
        : ok(word),
  ),
  offers: ['files'],
}

/** The path of a directory. */
export const directoryPath = (metavar: string): ValueType<string> => ({
  ...nonEmpty(metavar),
  offers: ['directories'],
})

/** A whole number between two others, both included. */
export const integer = (metavar: string, least: number, most: number): ValueType<number> => {
  const range = `must be a whole number from ${least} to ${most}`
  // As elsewhere in option files of old: a sign and surrounding blanks do no harm.
  const plain = (word: string): Result<number> =>
    /^\s*[+-]?\d{1,15}\s*$/.test(word) ? ok(Number(word)) : refuse(`${JSON.stringify(word)} ${range}`)
  return oneWord(
    metavar,
    (word) => {
      const number = plain(word)
      if (!number.ok || (number.value >= least && number.value <= most)) return number
      return refuse(`${number.value} ${range}`)
    },
    plain,
  )
}

/** One of a few words. */
export const oneOf = <const Choice extends string>(
  metavar: string,
  choices: readonly Choice[],
): ValueType<Choice> => {
  const read = (word: string): Result<Choice> => {
    const choice = choices.find((one) => one === word)
    return choice === undefined
      ? refuse(`${JSON.stringify(word)} must be one of ${choices.join(', ')}`)
      : ok(choice)
  }
  return { ...oneWord<Choice>(metavar, read, read), offers: [choices] }
}

/** The URL of a registry. Slashes at its end say nothing: `http://r//` would be another path than the registry's. */
export const httpUrl: ValueType<URL> = oneWord('URL', (word) => {
  const trimmed = word.replace(/\/+$/, '/')
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined
  return url?.protocol === 'http:' || url?.protocol === 'https:'
    ? ok(url)
    : refuse(`${JSON.stringify(word)} must be a URL like http://re6st.example.com/`)
})

/** An IPv4 or IPv6 address. */
export const ipAddress: ValueType<string> = oneWord('ADDR', (word) =>
  isIP(word) > 0 && !word.includes('%')
    ? ok(word)
    : refuse(`${JSON.stringify(word)} must be an IPv4 or IPv6 address`),
)

/** An IPv4 address. */
export const ipv4Address: ValueType<string> = oneWord('ADDR', (word) =>
  isIPv4(word) ? ok(word) : refuse(`${JSON.stringify(word)} must be an IPv4 address`),
)

/** An address to listen on, or the empty text: not on this family. */
export const listenAddress = (family: 4 | 6): ValueType<string> =>
  oneWord('ADDR', (word) =>
    word === '' || isIP(word) === family
      ? ok(word)
      : refuse(`${JSON.stringify(word)} must be an IPv${family} address, or empty`),
  )

/** Where a server listens: a Unix socket, or an address with a port. */
export type ListenPlace =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'address'; readonly address: string; readonly port: number }

/** `PATH`, which has a slash in it, or `ADDR:PORT`, an IPv6 address in brackets. */
export const privateListener: ValueType<ListenPlace> = {
  ...oneWord<ListenPlace>('PLACE', (word) => {
    if (word.includes('/')) return ok({ kind: 'socket', path: word })
    const [, ipv6, ipv4, port = ''] = /^(?:\[(.*)\]|([^:]*)):(\d{1,5})$/.exec(word) ?? []
    const address = ipv6 ?? ipv4 ?? ''
    return isIP(address) === (ipv6 === undefined ? 4 : 6) && Number(port) <= 0xffff
      ? ok({ kind: 'address', address, port: Number(port) })
      : refuse(`${JSON.stringify(word)} must be a path with a slash, or like 127.0.0.1:8080 or [::1]:8080`)
  }),
  offers: ['files'],
}

/** `HOST:PORT`, an IPv6 address in brackets. */
export const hostAndPort: ValueType<{ readonly host: string; readonly port: number }> = oneWord(
  'HOST:PORT',
  (word) => {
    const [, ipv6, name, port = ''] = /^(?:\[(.*)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(word) ?? []
    const host = ipv6 ?? name ?? ''
    const isHost = ipv6 === undefined ? host !== '' : isIPv6(ipv6)
    return isHost && Number(port) > 0 && Number(port) <= 0xffff
      ? ok({ host, port: Number(port) })
      : refuse(`${JSON.stringify(word)} must be like registry.example.com:7379 or [2001:db8::1]:7379`)
  },
)

/** Where a secret is read from: a file, an open file descriptor, or a credential that systemd gives. */
export type SecretSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'descriptor'; readonly number: number }
  | { readonly kind: 'credential'; readonly name: string }

/** `PATH`, `fd:N` or `credential:NAME`: a secret itself would be seen by all who list processes. */
export const secretSource: ValueType<SecretSource> = {
  ...oneWord<SecretSource>('SOURCE', (word) => {
    const descriptor = /^fd:(\d{1,9})$/.exec(word)?.[1]
    if (descriptor !== undefined) return ok({ kind: 'descriptor', number: Number(descriptor) })
    const name = /^credential:([^/]+)$/.exec(word)?.[1]
    if (name !== undefined && name !== '.' && name !== '..') return ok({ kind: 'credential', name })
    return word === '' || /^(fd|credential):/.test(word)
      ? refuse(`${JSON.stringify(word)} must be the path of a file, or like fd:3 or credential:NAME`)
      : ok({ kind: 'file', path: word })
  }),
  offers: ['files'],
}

/** `ROLE=VALUE`: what others call a role. */
export const roleValue: ValueType<readonly [role: Role, value: string]> = oneWord('ROLE=VALUE', (word) => {
  const [, name, value = ''] = /^([a-z]+)=(.+)$/s.exec(word) ?? []
  const role = ROLES.find((one) => one === name)
  return role === undefined
    ? refuse(`${JSON.stringify(word)} must be like ${ROLES.map((one) => `${one}=VALUE`).join(', ')}`)
    : ok([role, value])
})

/** The prefix of a new network, e.g. `2001:db8:42::/48`. */
export const newNetwork: ValueType<Network> = oneWord('PREFIX', networkOfCidr)

/** An e-mail address. */
export const emailAddress: ValueType<string> = oneWord('ADDR', (word) =>
  isEmailAddress(word) ? ok(word) : refuse(`${JSON.stringify(word)} must be an e-mail address`),
)

/** A country code (ISO 3166-1), in upper case. */
export const countryCode: ValueType<string> = oneWord('CODE', (word) =>
  /^[A-Za-z]{2}$/.test(word)
    ? ok(word.toUpperCase())
    : refuse(`${JSON.stringify(word)} must be a country code of two letters, like FR`),
)

/** Country and continent, e.g. `FR,EU`: a registry refuses one of them alone. */
export const location: ValueType<string> = oneWord('COUNTRY,CONTINENT', (word) =>
  /^[A-Za-z]{2},[A-Za-z]{2}$/.test(word)
    ? ok(word.toUpperCase())
    : refuse(`${JSON.stringify(word)} must be a country and its continent, like FR,EU`),
)

/** Name of a network interface (Linux: at most 15 bytes). */
export const interfaceName: ValueType<string> = {
  ...oneWord('IFACE', (word) =>
    /^[^\s/:]{1,15}$/.test(word) && word !== '.' && word !== '..'
      ? ok(word)
      : refuse(`${JSON.stringify(word)} must be the name of a network interface, like eth0`),
  ),
  offers: ['interfaces'],
}

/** A port to listen on, and a protocol. */
export interface Listener {
  readonly port: number
  readonly protocol: TunnelProtocol
}

const port = integer('PORT', 1, 0xffff)
const protocol = oneOf('PROTO', TUNNEL_PROTOCOLS)

/** `--pp PORT PROTO`. */
export const listener: ValueType<Listener> = {
  metavar: [...port.metavar, ...protocol.metavar],
  offers: [undefined, TUNNEL_PROTOCOLS],
  plain: ok,
  read: ([portWord = '', protocolWord = '']) => {
    const [readPort, readProtocol] = [port.read([portWord]), protocol.read([protocolWord])]
    if (!readPort.ok) return refuse(`PORT ${readPort.reason}`)
    if (!readProtocol.ok) return refuse(`PROTO ${readProtocol.reason}`)
    return ok({ port: readPort.value, protocol: readProtocol.value })
  },
}

/** A name of a field of a subject, and its value. */
export const subjectField: ValueType<readonly [attribute: string, value: string]> = {
  metavar: ['KEY', 'VALUE'],
  plain: ok,
  read: ([attribute = '', value = '']) =>
    attribute === '' ? refuse('KEY must not be empty') : ok([attribute, value]),
}

/** A peer's subnet name, as its certificate's common name says it. */
export const subnetName: ValueType<Prefix> = oneWord('CN', prefixOfSubnetName)

/** A list of addresses, in order of preference. Every entry must be usable. */
export const addressList: ValueType<readonly PeerAddress[]> = oneWord('HOST,PORT,PROTO[;…]', (word) => {
  const { addresses, skipped } = parseAddressList(word)
  if (skipped.length > 0)
    return refuse(`${JSON.stringify(skipped[0])} must be HOST,PORT,PROTO with PROTO udp, tcp, udp6 or tcp6`)
  return addresses.length > 0 ? ok(addresses) : refuse('must name at least one HOST,PORT,PROTO')
})

/** The network's IPv4 range, and how many bits number the nodes' subnets in it. */
export interface Ipv4Range {
  /** E.g. `10.42.0.0/16`. */
  readonly range: string
  readonly subnetBits: number
}

/** Longest number of a subnet: other implementations give up beyond. */
const MAX_SUBNET_BITS = 16

/** `--ipv4 IP/N PLEN`. */
export const ipv4Range: ValueType<Ipv4Range> = {
  metavar: ['IP/N', 'PLEN'],
  plain: ([range = '', bits = '']) => {
    const [, address = '', length = ''] = /^([^/]*)\/(\d{1,3})$/.exec(range) ?? []
    const number = classicIpv4(address)
    if (number === undefined || !/^\d{1,3}$/.test(bits))
      return refuse(`${range} ${bits} must be like 10.42.0.0/16 8`)
    return ok([`${dottedQuad(number)}/${Number(length)}`, Number(bits)])
  },
  read: (words) => {
    const plain = ipv4Range.plain(words)
    if (!plain.ok) return plain
    const [range, subnetBits] = plain.value as [string, number]
    const [address = '', length = ''] = range.split('/')
    if (Number(length) + subnetBits > 32) return refuse(`${words.join(' ')}: N + PLEN must be at most 32`)
    if (subnetBits > MAX_SUBNET_BITS) return refuse(`${subnetBits}: PLEN must be at most ${MAX_SUBNET_BITS}`)
    if ((classicIpv4(address) ?? 0) % 2 ** (32 - Number(length)) !== 0)
      return refuse(`${range} has bits behind its prefix: all after the first ${length} must be 0`)
    return ok({ range, subnetBits })
  },
}

const dottedQuad = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')

/** An IPv4 address in any of the forms that inet_aton(3) takes: fewer numbers than four, octal, hexadecimal. */
function classicIpv4(address: string): number | undefined {
  const parts = address.split('.')
  if (parts.length > 4) return undefined
  const numbers = parts.map((part) => {
    if (/^0x[0-9a-f]{1,8}$/i.test(part)) return Number(part)
    if (/^0[0-7]{0,11}$/.test(part)) return Number.parseInt(part, 8)
    return /^[1-9]\d{0,9}$/.test(part) ? Number(part) : Number.NaN
  })
  const last = numbers.pop() ?? Number.NaN
  if (numbers.some((number) => !(number < 256))) return undefined
  if (!(last < 256 ** (4 - numbers.length))) return undefined
  return numbers.reduce((sum, number, at) => sum + number * 256 ** (3 - at), last)
}

/** A digest of a certificate. */
export interface CertificateFingerprint<Algorithm extends string> {
  readonly algorithm: Algorithm
  readonly digest: Buffer
}

/**
 * `--fingerprint ALG:HEX`, in any form: as `openssl x509 -fingerprint` prints it, with colons, blanks or neither, in upper
 * or lower case, also without the algorithm, which the length tells.
 */
export const certificateFingerprint = <Algorithm extends string>(
  algorithms: Readonly<Record<Algorithm, number>>,
): ValueType<CertificateFingerprint<Algorithm>> =>
  oneWord('ALG:HEX', (word) => {
    const names = Object.keys(algorithms) as Algorithm[]
    const byLength = names.find((one) => digitsOf(word)?.length === 2 * algorithms[one])
    if (byLength !== undefined) return ok({ algorithm: byLength, digest: digestOf(word) })
    const [, name = '', rest = ''] = /^\s*([^:=\s]*)(?:\s+fingerprint)?\s*[:=](.*)$/is.exec(word) ?? []
    const algorithm = names.find((one) => one === name.toLowerCase().replace('-', ''))
    if (algorithm === undefined)
      return refuse(`${JSON.stringify(word)} must be ALG:HEX with ALG one of ${names.join(', ')}`)
    const length = 2 * algorithms[algorithm]
    if (digitsOf(rest)?.length !== length)
      return refuse(`${JSON.stringify(word)} must have ${length} hexadecimal digits after ${algorithm}:`)
    return ok({ algorithm, digest: digestOf(rest) })
  })

/** Hexadecimal digits, without what is between them; undefined: there is something else. */
function digitsOf(text: string): string | undefined {
  const digits = text.replace(/[:\s]/g, '')
  return /^[0-9a-f]*$/i.test(digits) ? digits : undefined
}

const digestOf = (text: string): Buffer => Buffer.from(digitsOf(text) ?? '', 'hex')
