import { activeKeys, type KeySlots, rotate } from '../core/config/key-rotation.ts'
import { type ConfigValue, encodeNetworkConfig } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import {
  compareVersions,
  type NetworkVersion,
  NO_VERSION,
  numberOfVersion,
} from '../core/values/network-version.ts'
import { packInteger } from '../core/values/packed-integer.ts'
import { type Prefix, prefixOfBits } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { CaCryptography } from './crypto/cryptography.ts'
import type { Store, Write } from './database/store.ts'

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

/** Interface defaults for babeld: links that are slow cost more. */
const BABEL_DEFAULT = 'max-rtt-penalty 5000 rtt-max 500 rtt-decay 125'

/** Answers that are kept: some kilobytes each. */
const MAX_ANSWERS = 500

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

/** What the configuration needs. */
export interface ConfigurationComponents {
  readonly store: Store
  readonly cryptography: Pick<CaCryptography, 'sign' | 'encryptTo'>
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly log: Logger
}

/** After a version could not be published, it is tried again: after the first of these, then after the next. */
const RETRY_MS = [1_000, 5_000, 30_000, 60_000]

/**
 * The network's configuration: its version increases whenever something in it changes. One call publishes and announces;
 * what could not be published is published later by itself.
 */
export class NetworkConfiguration implements Disposable {
  readonly #components: ConfigurationComponents
  /** What the options of the command say. */
  readonly options: NetworkSettings
  #changed: Partial<NetworkSettings>
  /** Who has asked for which version. */
  readonly #versions = new Map<string, NetworkVersion>()
  #rotated: () => void = () => {}
  #crl: readonly number[]
  /** By certificate, of one version. */
  readonly #answers = new Map<string, Promise<Buffer>>()
  #answersVersion: Buffer = NO_VERSION
  /** The last of the changes under way: each is signed and written before the next begins. */
  #changing: Promise<unknown> = Promise.resolve()
  #announce: (registryPrefix: Prefix) => void = () => {}
  #failures = 0
  #retry: Disposable | undefined

  constructor(components: ConfigurationComponents, settings: NetworkSettings) {
    this.#components = components
    this.options = settings
    this.#changed = changedSettings(components.store)
    this.#crl = this.#presentCrl()
  }

  /** From now on, the registry's own node is told of each new version. */
  announceBy(announce: (registryPrefix: Prefix) => void): void {
    this.#announce = announce
  }

  /** Tells the registry's own node of the present version. */
  announce(): void {
    const prefix = this.registryPrefix
    if (prefix !== undefined) this.#announce(prefixOfBits(prefix))
  }

  /** The present network version. */
  get version(): Buffer {
    const version = this.#components.store.config('version')
    return Buffer.isBuffer(version) ? version : NO_VERSION
  }

  /** Prefix of the registry's own node: of the first certificate ever issued. */
  get registryPrefix(): string | undefined {
    const prefix = this.#components.store.config('prefix')
    return typeof prefix === 'string' ? prefix : undefined
  }

  /**
   * Compares with what was last published; publishes and announces a new version if something differs. Resolves when it
   * is written, and says whether there is one. When it cannot be written, it is tried again by itself, too.
   */
  publish(): Promise<boolean> {
    return this.#change(undefined)
  }

  /** What counts: the options, and what was changed since. */
  get settings(): NetworkSettings {
    return { ...this.options, ...this.#changed }
  }

  /** Settings that were changed. */
  get changedSettings(): (keyof NetworkSettings)[] {
    return Object.keys(this.#changed) as (keyof NetworkSettings)[]
  }

  get versionNumber(): number {
    const number = numberOfVersion(this.version)
    return number.ok ? Number(number.value) : 0
  }

  /** Where the rotation of MAC keys is. */
  get rotationStep(): 'idle' | 'announced' | 'used' | 'beginning' {
    const { h0, h1, h2 } = this.#slots()
    if (h0) return h1 ? 'announced' : 'idle'
    return h2?.length === 0 ? 'beginning' : h1 && h2 ? 'used' : 'idle'
  }

  /** Until when a new key is announced; undefined: none is. */
  get validUntilMs(): number | undefined {
    const seconds = this.#components.store.config('valid_until')
    return typeof seconds === 'number' ? seconds * 1000 : undefined
  }

  /** A node has asked for a version. */
  heardOf(prefix: string, version: NetworkVersion): void {
    this.#versions.set(prefix, version)
  }

  /** Whether a node has asked for a version, or a newer one, as far as is known since the start. */
  hasVersion(prefix: string, version: NetworkVersion): boolean {
    return compareVersions(this.#versions.get(prefix) ?? NO_VERSION, version) >= 0
  }

  /** Takes the next step of the rotation of MAC keys, and publishes it, and writes `also`: all or none. */
  async rotateKeys(newKey: Buffer, nowMs: number, also: Write = () => {}): Promise<void> {
    await this.#change(() => {
      const step = rotate(this.#slots(), newKey, nowMs)
      return (writable) => {
        for (const name of SLOTS) writable.setConfig(configName(name), step.slots[name])
        const { validUntilMs } = step
        writable.setConfig('valid_until', validUntilMs === undefined ? undefined : validUntilMs / 1000)
        also(writable)
      }
    })
    this.#rotated()
  }

  /** Calls `listener` after each step of the rotation of MAC keys, whoever takes it. */
  onRotated(listener: () => void): void {
    this.#rotated = listener
  }

  /** Changes settings, publishes them, and writes `also`: all or none. What is as the options say is no change any more. */
  async change(settings: Partial<NetworkSettings>, also: Write): Promise<void> {
    let before: Partial<NetworkSettings> | undefined
    await this.#change(() => {
      before = this.#changed
      const all = Object.entries({ ...this.#changed, ...settings })
      const isOption = (name: string, value: unknown) =>
        JSON.stringify(value) === JSON.stringify(this.options[name as keyof NetworkSettings])
      this.#changed = Object.fromEntries(all.filter(([name, value]) => !isOption(name, value)))
      return (writable) => {
        writable.run('DELETE FROM network_setting')
        for (const [name, value] of Object.entries(this.#changed))
          writable.run('INSERT INTO network_setting VALUES (?, ?)', name, JSON.stringify(value ?? null))
        also(writable)
      }
    }).catch((error: unknown) => {
      if (before) this.#changed = before
      throw error
    })
  }

  #change(prepare: (() => Write) | undefined): Promise<boolean> {
    const change = this.#changing.then(() => this.#publish(prepare?.()))
    this.#changing = change.then(
      () => this.#succeeded(),
      (error: unknown) => this.#failed(error),
    )
    return change
  }

  async #publish(also: Write | undefined): Promise<boolean> {
    const { store, cryptography } = this.#components
    const crl = this.#presentCrl()
    const published = this.#published(crl)
    const text = JSON.stringify(published, sortedKeys(published))
    const isPublished = store.config('version') !== undefined && sameJson(store.config('last_config'), text)
    if (!also && isPublished) {
      this.#crl = crl
      return false
    }
    const number = numberOfVersion(this.version)
    const packed = packInteger((number.ok ? number.value : 0n) + 1n)
    const signature = await cryptography.sign(packed)
    await store.write((writable) => {
      also?.(writable)
      writable.setConfig('last_config', text)
      writable.setConfig('version', Buffer.concat([packed, signature]))
    })
    this.#crl = crl
    this.announce()
    return true
  }

  #succeeded(): void {
    this.#failures = 0
    this.#retry?.[Symbol.dispose]()
    this.#retry = undefined
  }

  #failed(error: unknown): void {
    const { clock, log } = this.#components
    const pauseMs = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 0
    this.#failures += 1
    log.error({ err: error }, 'the configuration cannot be published: tried again')
    this.#retry?.[Symbol.dispose]()
    // When it fails again, this is where it comes back to.
    this.#retry = clock.after(pauseMs, () => {
      this.publish().catch(() => {})
    })
  }

  [Symbol.dispose](): void {
    this.#retry?.[Symbol.dispose]()
  }

  /** A new database begins with one key. */
  async beginKeys(newKey: Buffer): Promise<void> {
    await this.#components.store.write((store) => store.setConfig(configName('h0'), newKey))
  }

  /** The answer of `getNetworkConfig` to the holder of a certificate: the same until something changes. */
  encode(certificatePem: string): Promise<Buffer> {
    const version = this.version
    if (!this.#answersVersion.equals(version)) {
      this.#answers.clear()
      this.#answersVersion = version
    }
    const known = this.#answers.get(certificatePem)
    if (known) return known
    const answer = this.#encode(certificatePem, version)
    const [oldest] = this.#answers.keys()
    if (this.#answers.size >= MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest)
    this.#answers.set(certificatePem, answer)
    answer.catch(() => this.#answers.delete(certificatePem))
    return answer
  }

  async #encode(certificatePem: string, version: Buffer): Promise<Buffer> {
    const published = this.#published(this.#crl)
    const validUntil = this.#components.store.config('valid_until')
    const { sign, accept } = activeKeys(this.#slots())
    const [encryptedSign, encryptedAccept] = await this.#components.cryptography.encryptTo(
      certificatePem,
      [sign, accept].filter((key) => key !== undefined),
    )
    return encodeNetworkConfig({
      ...published,
      version,
      ...(encryptedSign ? { babel_hmac_sign: encryptedSign } : {}),
      ...(encryptedAccept ? { babel_hmac_accept: encryptedAccept } : {}),
      ...(typeof validUntil === 'number' ? { valid_until: validUntil } : {}),
    })
  }

  /** What makes a new version when it changes; keys are published by their rotation. */
  #published(crl: readonly number[]): Record<string, ConfigValue> {
    const { settings } = this
    const { ipv4, sameCountry } = settings
    return {
      babel_default: BABEL_DEFAULT,
      client_count: settings.clientCount,
      crl,
      encrypt: settings.encrypt,
      hello: settings.helloSeconds,
      ...(ipv4 ? { ipv4: ipv4.range, ipv4_sublen: ipv4.subnetBits } : {}),
      max_clients: settings.maxClients,
      min_protocol: settings.minProtocol,
      protocol: PROTOCOL,
      registry_prefix: this.registryPrefix ?? '',
      ...(sameCountry.length > 0 ? { same_country: sameCountry } : {}),
      tunnel_refresh: settings.tunnelRefreshSeconds,
    }
  }

  /** What has not ended yet. */
  #presentCrl(): readonly number[] {
    const { store, clock } = this.#components
    return store.crl(Math.floor(clock.now() / 1000))
  }

  #slots(): KeySlots {
    const slots: { -readonly [Slot in keyof KeySlots]: Buffer } = {}
    for (const name of SLOTS) {
      const key = this.#components.store.config(configName(name))
      if (Buffer.isBuffer(key)) slots[name] = key
      // Old implementations stored the empty key, which accepts anything, as text.
      else if (typeof key === 'string') slots[name] = Buffer.from(key, 'latin1')
    }
    return slots
  }
}

/** What was changed by the API; what another version wrote there and is not known does not count. */
function changedSettings(store: Store): Partial<NetworkSettings> {
  const known = new Set<string>(SETTINGS)
  return Object.fromEntries(
    store
      .all<{ name: string; value: string }>('SELECT name, value FROM network_setting')
      .filter(({ name }) => known.has(name))
      .map(({ name, value }) => [name, (JSON.parse(value) as unknown) ?? undefined]),
  )
}

const configName = (slot: keyof KeySlots): string => `babel_hmac${slot.slice(1)}`

const sortedKeys = (values: Record<string, unknown>): string[] => Object.keys(values).sort()

/** JSON of another implementation may be spaced differently. */
function sameJson(stored: unknown, text: string): boolean {
  try {
    const value = JSON.parse(String(stored)) as Record<string, unknown>
    return JSON.stringify(value, sortedKeys(value)) === text
  } catch {
    return false
  }
}
