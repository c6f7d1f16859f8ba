import type { KeySlots } from '../core/config/key-rotation.ts'
import { NO_VERSION } from '../core/values/network-version.ts'
import type { Queries } from './database/queries.ts'

/** What the operator decides about the network: options of the command. */
export interface NetworkSettings {
  readonly minProtocol: number
  readonly helloSeconds: number
  readonly encrypt: boolean
  readonly clientCount: number
  readonly maxClients: number
  readonly tunnelRefreshSeconds: number
  readonly sameCountry: readonly string[]
  readonly ipv4: { readonly range: string; readonly subnetBits: number } | undefined
}

const SETTINGS: readonly (keyof NetworkSettings)[] = [
  'minProtocol',
  'helloSeconds',
  'encrypt',
  'clientCount',
  'maxClients',
  'tunnelRefreshSeconds',
  'sameCountry',
  'ipv4',
]

const SLOTS = ['h0', 'h1', 'h2'] as const

/** What the database holds of the configuration. */
export interface StoredConfiguration {
  readonly version: Buffer
  /** Prefix of the registry's own node. */
  readonly registryPrefix: string | undefined
  readonly slots: KeySlots
  /** When the key that signs is no longer accepted, in Unix seconds. */
  readonly validUntil: number | undefined
  /** What is revoked and has not ended yet. */
  readonly crl: readonly number[]
  /** Settings that are not as the options say. */
  readonly changed: Partial<NetworkSettings>
}

/** A new database. */
export const NOTHING_STORED: StoredConfiguration = {
  version: NO_VERSION,
  registryPrefix: undefined,
  slots: {},
  validUntil: undefined,
  crl: [],
  changed: {},
}

/** Reads what is stored. @param nowMs what has ended by then is revoked no more */
export async function readConfiguration(queries: Queries, nowMs: number): Promise<StoredConfiguration> {
  const [version, registryPrefix, validUntil] = [
    await queries.config('version'),
    await queries.config('prefix'),
    await queries.config('valid_until'),
  ]
  const slots: { -readonly [Slot in keyof KeySlots]: Buffer } = {}
  for (const name of SLOTS) {
    const key = await queries.config(configName(name))
    if (Buffer.isBuffer(key)) slots[name] = key
    // Old implementations stored the empty key, which accepts anything, as text.
    else if (typeof key === 'string') slots[name] = Buffer.from(key, 'latin1')
  }
  return {
    version: Buffer.isBuffer(version) ? version : NO_VERSION,
    registryPrefix: typeof registryPrefix === 'string' ? registryPrefix : undefined,
    slots,
    validUntil: typeof validUntil === 'number' ? validUntil : undefined,
    crl: await queries.crl(Math.floor(nowMs / 1000)),
    changed: await changedSettings(queries),
  }
}

/** What was changed by the API; what another version wrote there and is not known does not count. */
async function changedSettings(queries: Queries): Promise<Partial<NetworkSettings>> {
  const known = new Set<string>(SETTINGS)
  const rows = await queries.all<{ name: string; value: string }>('SELECT name, value FROM network_setting')
  return Object.fromEntries(
    rows
      .filter(({ name }) => known.has(name))
      .map(({ name, value }) => [name, (JSON.parse(value) as unknown) ?? undefined]),
  )
}

/** Writes MAC keys, and until when the one that signs is accepted. */
export async function writeKeys(
  writable: Queries,
  { slots, validUntilMs }: { readonly slots: KeySlots; readonly validUntilMs: number | undefined },
): Promise<void> {
  for (const name of SLOTS) await writable.setConfig(configName(name), slots[name])
  await writable.setConfig('valid_until', validUntilMs === undefined ? undefined : validUntilMs / 1000)
}

/** Writes the key with which a network begins, unless another process has begun it. */
export async function writeFirstKey(writable: Queries, key: Buffer): Promise<void> {
  if ((await writable.config(configName('h0'))) === undefined) await writable.setConfig(configName('h0'), key)
}

/** Writes which settings are not as the options say. */
export async function writeChangedSettings(
  writable: Queries,
  changed: Partial<NetworkSettings>,
): Promise<void> {
  await writable.run('DELETE FROM network_setting')
  for (const [name, value] of Object.entries(changed))
    await writable.run('INSERT INTO network_setting VALUES (?, ?)', name, JSON.stringify(value ?? null))
}

const configName = (slot: keyof KeySlots): string => `babel_hmac${slot.slice(1)}`
