import type { KeyObject } from 'node:crypto'
import { deflateSync, inflateSync } from 'node:zlib'
import type { Decryptor } from '../crypto/rsa.ts'
import { ok, type Result, refuse } from '../result.ts'
import { isBits } from '../values/bits.ts'
import { type NetworkVersion, verifyVersion } from '../values/network-version.ts'
import { type Prefix, prefixOfBits } from '../values/prefix.ts'

/** A value as it is cached: bytes, or whatever JSON can say. */
export type ConfigValue =
  | null
  | boolean
  | number
  | string
  | Buffer
  | readonly unknown[]
  | { readonly [name: string]: unknown }

/** All values of a configuration by name, the ones that we do not know included (protocol, section 5). */
export type ConfigValues = ReadonlyMap<string, ConfigValue>

/** MAC keys of the routing protocol: what is signed with, and what else is accepted. */
interface MacKeys {
  readonly sign: Buffer | undefined
  readonly accept: Buffer | 'anything' | undefined
}

/** The configuration that the registry gives to every node of the network. */
export interface NetworkConfig {
  readonly registryPrefix: Prefix
  readonly protocol: number
  readonly minProtocol: number
  readonly version: NetworkVersion
  /** Serial numbers of revoked certificates. */
  readonly crl: ReadonlySet<bigint>
  /** How many client tunnels a node makes. */
  readonly clientCount: number
  /** How many clients its servers accept in all. */
  readonly maxClients: number
  /** Babel's hello interval; a tunnel that is silent for four of them is dead. */
  readonly helloIntervalMs: number
  /** How often the least useful tunnel is replaced. */
  readonly tunnelRefreshMs: number
  readonly encrypt: boolean
  /** No tunnel between one of these countries and any other country. */
  readonly sameCountry: readonly string[]
  readonly ipv4: { readonly range: string; readonly subnetBits: number } | undefined
  /** Interface defaults in babeld's words. */
  readonly babelDefault: string
  readonly keys: MacKeys
  /** After this time (milliseconds since the Unix epoch) a node that has heard nothing asks again. */
  readonly validUntilMs: number | undefined
  /** Everything, for the cache. */
  readonly values: ConfigValues
}

/** Length of a MAC key (blake2s128, RFC 8967) in bytes. */
export const MAC_KEY_LENGTH = 16

/** More than this is not a configuration: 8 MiB hold a CRL of a million serials. */
const MAX_JSON_LENGTH = 8 << 20

/** Names of values that go into the answer in base64, encrypted to the caller. */
const ENCRYPTED = ['babel_hmac_sign', 'babel_hmac_accept'] as const

/**
 * Reads the answer of `getNetworkConfig`.
 * @param decrypt with the node's key: the MAC keys are encrypted to its certificate
 */
export function readNetworkConfig(
  answer: Uint8Array,
  { caPublicKey, decrypt }: { readonly caPublicKey: KeyObject; readonly decrypt: Decryptor },
): Result<NetworkConfig> {
  let json: unknown
  try {
    json = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(
        inflateSync(answer, { maxOutputLength: MAX_JSON_LENGTH }),
      ),
    )
  } catch {
    return refuse('the network configuration is not JSON compressed by zlib')
  }
  if (!isObject(json)) return refuse('the network configuration is not a JSON object')
  // How long to wait before a restart is for those who restart.
  const { '': base64Names = [], delay_restart: _, ...rest } = json
  if (!isListOf(base64Names, 'string')) return refuse('the names of base64 values are not a list of texts')
  const values = new Map(Object.entries(rest) as [string, ConfigValue][])
  for (const name of [...base64Names, ...ENCRYPTED]) {
    if (!values.has(name)) continue
    const bytes = bytesOfBase64(values.get(name))
    if (!bytes) return refuse(`${name} is not base64`)
    values.set(name, bytes)
  }
  for (const name of ENCRYPTED) {
    const ciphertext = values.get(name) as Buffer | undefined
    // An empty value is not encrypted: it means "accept anything for now". It is kept as a text, as others keep it.
    if (ciphertext) values.set(name, ciphertext.length > 0 ? decrypt(ciphertext) : '')
  }
  return configOfValues(values, caPublicKey)
}

/** Checks the values of a configuration, from the registry or from the cache. */
export function configOfValues(values: ConfigValues, caPublicKey: KeyObject): Result<NetworkConfig> {
  const problems: string[] = []
  const get = <T>(
    name: string,
    what: string,
    read: (value: ConfigValue) => T | undefined,
    missing?: T,
  ): T => {
    const value = values.get(name)
    if (value === undefined && missing !== undefined) return missing
    const result = value === undefined ? undefined : read(value)
    if (result === undefined)
      problems.push(value === undefined ? `${name} is missing` : `${name} is not ${what}`)
    return result as T
  }
  const count = (name: string, missing?: number) => get(name, 'a number that makes sense', countOf, missing)
  const seconds = (name: string) => get(name, 'a number of seconds', secondsOf)
  const mac = (name: string) =>
    values.has(name) ? get<Buffer | 'anything'>(name, 'a key that we can use', macKeyOf) : undefined

  const version = get('version', 'bytes', (value) => (Buffer.isBuffer(value) ? value : undefined))
  const verified = version ? verifyVersion(version, caPublicKey) : undefined
  if (verified && !verified.ok) problems.push(verified.reason)
  const sign = mac('babel_hmac_sign')
  const range = values.get('ipv4')
  const config: NetworkConfig = {
    registryPrefix: get('registry_prefix', 'a prefix', prefixOfValue),
    protocol: count('protocol'),
    minProtocol: count('min_protocol'),
    version,
    crl: get('crl', 'a list of serial numbers', serialsOf, new Set()),
    clientCount: count('client_count'),
    maxClients: count('max_clients'),
    helloIntervalMs: seconds('hello'),
    tunnelRefreshMs: seconds('tunnel_refresh'),
    encrypt: get('encrypt', 'a boolean', (value) =>
      value === true || value === 1 ? true : value === false || value === 0 ? false : undefined,
    ),
    sameCountry: get(
      'same_country',
      'a list of countries',
      (value) => (isListOf(value, 'string') ? value : undefined),
      [],
    ),
    ipv4:
      range === undefined || range === null
        ? undefined
        : { range: get('ipv4', 'a text', textOf), subnetBits: count('ipv4_sublen') },
    babelDefault: get('babel_default', 'a list of interface options of babeld', babelDefaultOf, ''),
    keys: { sign: sign === 'anything' ? undefined : sign, accept: mac('babel_hmac_accept') },
    validUntilMs: values.has('valid_until') ? seconds('valid_until') : undefined,
    values,
  }
  return problems.length === 0
    ? ok(config)
    : refuse(`the network configuration cannot be used: ${problems.join(', ')}`)
}

/** Writes the answer of `getNetworkConfig`: bytes go as base64, and their names are listed. */
export function encodeNetworkConfig(values: Readonly<Record<string, ConfigValue>>): Buffer {
  const listed = Object.keys(values).filter(
    (name) => Buffer.isBuffer(values[name]) && !(ENCRYPTED as readonly string[]).includes(name),
  )
  const json: Record<string, unknown> = listed.length > 0 ? { '': listed } : {}
  for (const [name, value] of Object.entries(values))
    json[name] = Buffer.isBuffer(value) ? value.toString('base64') : value
  return deflateSync(JSON.stringify(json))
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isListOf = <Name extends 'string' | 'number'>(
  value: unknown,
  type: Name,
): value is readonly (Name extends 'string' ? string : number)[] =>
  Array.isArray(value) && value.every((element) => typeof element === type)

function bytesOfBase64(value: ConfigValue | undefined): Buffer | undefined {
  if (typeof value !== 'string' || !/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value)) return undefined
  return Buffer.from(value, 'base64')
}

const textOf = (value: ConfigValue): string | undefined => (typeof value === 'string' ? value : undefined)

/** What babeld's manual page lists for interfaces; each has one value. */
const BABEL_OPTIONS = new Set([
  ...['type', 'wired', 'link-quality', 'split-horizon', 'rxcost', 'channel', 'faraway', 'unicast'],
  ...['hello-interval', 'update-interval', 'enable-timestamps', 'rfc6126-compatible'],
  ...['rtt-decay', 'rtt-min', 'rtt-max', 'max-rtt-penalty'],
])

/** With one word that it does not know, babeld would not start, on any node; with a line end, it would obey. */
function babelDefaultOf(value: ConfigValue): string | undefined {
  if (typeof value !== 'string') return undefined
  const words = value.split(/[ \t]+/).filter((word) => word !== '')
  const isGood = words.every((word, at) =>
    at % 2 === 0 ? BABEL_OPTIONS.has(word) : /^(\d{1,6}(\.\d{1,3})?|[a-z]{2,10})$/.test(word),
  )
  return isGood && words.length % 2 === 0 ? words.join(' ') : undefined
}

const countOf = (value: ConfigValue): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff ? value : undefined

/** A hundred years: more is a mistake, and would overflow timers. */
const MAX_SECONDS = 100 * 365 * 24 * 3600

/** In milliseconds. */
const secondsOf = (value: ConfigValue): number | undefined =>
  typeof value === 'number' && value > 0 && value <= MAX_SECONDS ? value * 1000 : undefined

const prefixOfValue = (value: ConfigValue): Prefix | undefined =>
  typeof value === 'string' && isBits(value) && value.length <= 128 ? prefixOfBits(value) : undefined

const serialsOf = (value: ConfigValue): ReadonlySet<bigint> | undefined =>
  isListOf(value, 'number') && value.every((serial) => Number.isSafeInteger(serial) && serial >= 0)
    ? new Set(value.map(BigInt))
    : undefined

function macKeyOf(value: ConfigValue): Buffer | 'anything' | undefined {
  if (value === '') return 'anything'
  if (!Buffer.isBuffer(value)) return undefined
  // What another's key decrypts to is of any length (implicit rejection).
  return value.length === MAC_KEY_LENGTH ? value : undefined
}
