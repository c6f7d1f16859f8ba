import { activeKeys, rotate } from '../core/config/key-rotation.ts'
import { type ConfigValue, encodeNetworkConfig } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import { remember } from '../core/remember.ts'
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
import { AnswersOfVersion } from './answers-of-version.ts'
import type { CaCryptography } from './crypto/cryptography.ts'
import type { Store, Write } from './database/store.ts'
import {
  type NetworkSettings,
  NOTHING_STORED,
  readConfiguration,
  type StoredConfiguration,
  writeChangedSettings,
  writeFirstKey,
  writeKeys,
} from './stored-configuration.ts'

/** Interface defaults for babeld: links that are slow cost more. */
const BABEL_DEFAULT = 'max-rtt-penalty 5000 rtt-max 500 rtt-decay 125'

/** What is to be written with a new version. */
interface Prepared {
  readonly changed?: Partial<NetworkSettings>
  readonly write: Write
}

/** What the configuration needs. */
export interface ConfigurationComponents {
  readonly store: Store
  readonly cryptography: Pick<CaCryptography, 'sign' | 'encryptTo'>
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly log: Logger
}

/** Of so many nodes it is kept which version they have asked for, those that have asked last. */
const MAX_FOLLOWERS = 100_000

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
  /** Who has asked for which version. */
  readonly #versions = new Map<string, NetworkVersion>()
  #rotated: () => void = () => {}
  #state: StoredConfiguration = NOTHING_STORED
  readonly #answers = new AnswersOfVersion()
  /** The last of the changes under way: each is signed and written before the next begins. */
  #changing: Promise<unknown> = Promise.resolve()
  #announce: (registryPrefix: Prefix) => void = () => {}
  #failures = 0
  #retry: Disposable | undefined

  constructor(components: ConfigurationComponents, settings: NetworkSettings) {
    this.#components = components
    this.options = settings
  }

  /** Reads what is published, by whichever process: to be called before anything is asked for, and when it was changed. */
  async load(): Promise<void> {
    this.#state = await this.#read()
  }

  /** Another process may have changed it: what is published is served and announced here, too. */
  async follow(): Promise<void> {
    const { version } = this.#state
    await this.load()
    if (!this.#state.version.equals(version)) this.announce()
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
    return this.#state.version
  }

  /** Prefix of the registry's own node: of the first certificate ever issued. */
  get registryPrefix(): string | undefined {
    return this.#state.registryPrefix
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
    return { ...this.options, ...this.#state.changed }
  }

  /** Settings that were changed. */
  get changedSettings(): (keyof NetworkSettings)[] {
    return Object.keys(this.#state.changed) as (keyof NetworkSettings)[]
  }

  get versionNumber(): number {
    const number = numberOfVersion(this.version)
    return number.ok ? Number(number.value) : 0
  }

  /** Where the rotation of MAC keys is. */
  get rotationStep(): 'idle' | 'announced' | 'used' | 'beginning' {
    const { h0, h1, h2 } = this.#state.slots
    if (h0) return h1 ? 'announced' : 'idle'
    return h2?.length === 0 ? 'beginning' : h1 && h2 ? 'used' : 'idle'
  }

  /** Until when a new key is announced; undefined: none is. */
  get validUntilMs(): number | undefined {
    const { validUntil } = this.#state
    return validUntil === undefined ? undefined : validUntil * 1000
  }

  /** A node has asked for a version. */
  heardOf(prefix: string, version: NetworkVersion): void {
    remember(this.#versions, prefix, version, MAX_FOLLOWERS)
  }

  /** Whether a node has asked for a version, or a newer one, as far as is known since the start. */
  hasVersion(prefix: string, version: NetworkVersion): boolean {
    return compareVersions(this.#versions.get(prefix) ?? NO_VERSION, version) >= 0
  }

  /** Who has asked for the present version, since the start. */
  followers(): readonly string[] {
    return [...this.#versions.keys()].filter((prefix) => this.hasVersion(prefix, this.version))
  }

  /** Takes the next step of the rotation of MAC keys, and publishes it, and writes `also`: all or none. */
  async rotateKeys(newKey: Buffer, nowMs: number, also: Write = async () => {}): Promise<void> {
    await this.#change(({ slots }) => {
      const step = rotate(slots, newKey, nowMs)
      return {
        write: async (writable) => {
          await writeKeys(writable, step)
          await also(writable)
        },
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
    await this.#change((state) => {
      const all = Object.entries({ ...state.changed, ...settings })
      const isOption = (name: string, value: unknown) =>
        JSON.stringify(value) === JSON.stringify(this.options[name as keyof NetworkSettings])
      const changed: Partial<NetworkSettings> = Object.fromEntries(
        all.filter(([name, value]) => !isOption(name, value)),
      )
      return {
        changed,
        write: async (writable) => {
          await writeChangedSettings(writable, changed)
          await also(writable)
        },
      }
    })
  }

  #change(prepare: ((state: StoredConfiguration) => Prepared) | undefined): Promise<boolean> {
    const change = this.#changing.then(() => this.#publish(prepare))
    this.#changing = change.then(
      () => this.#succeeded(),
      (error: unknown) => this.#failed(error),
    )
    return change
  }

  async #publish(prepare: ((state: StoredConfiguration) => Prepared) | undefined): Promise<boolean> {
    const { store, cryptography } = this.#components
    for (;;) {
      const state = await this.#read()
      const prepared = prepare?.(state)
      const published = this.#published({ ...state, changed: prepared?.changed ?? state.changed })
      const text = JSON.stringify(published, sortedKeys(published))
      const isPublished =
        (await store.config('version')) !== undefined && sameJson(await store.config('last_config'), text)
      if (!prepared && isPublished) {
        this.#state = state
        return false
      }
      const number = numberOfVersion(state.version)
      const packed = packInteger((number.ok ? number.value : 0n) + 1n)
      const version = Buffer.concat([packed, await cryptography.sign(packed)])
      const isWritten = await store.write(async (writable) => {
        // Another process may have published the same number meanwhile, with something else.
        const present = await writable.config('version')
        if (!state.version.equals(Buffer.isBuffer(present) ? present : NO_VERSION)) return false
        await prepared?.write(writable)
        await writable.setConfig('last_config', text)
        await writable.setConfig('version', version)
        await writable.notify('configuration')
        return true
      })
      if (!isWritten) continue
      await this.load()
      this.announce()
      return true
    }
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
    await this.#components.store.write((writable) => writeFirstKey(writable, newKey))
    await this.load()
  }

  /** The answer of `getNetworkConfig` to the holder of a certificate: the same until something changes. */
  encode(certificatePem: string): Promise<Buffer> {
    return this.#answers.get(this.version, certificatePem, () => this.#encode(certificatePem))
  }

  async #encode(certificatePem: string): Promise<Buffer> {
    const state = this.#state
    const published = this.#published(state)
    const { validUntil } = state
    const { sign, accept } = activeKeys(state.slots)
    const [encryptedSign, encryptedAccept] = await this.#components.cryptography.encryptTo(
      certificatePem,
      [sign, accept].filter((key) => key !== undefined),
    )
    return encodeNetworkConfig({
      ...published,
      version: state.version,
      ...(encryptedSign ? { babel_hmac_sign: encryptedSign } : {}),
      ...(encryptedAccept ? { babel_hmac_accept: encryptedAccept } : {}),
      ...(validUntil === undefined ? {} : { valid_until: validUntil }),
    })
  }

  #read(): Promise<StoredConfiguration> {
    const { store, clock } = this.#components
    return readConfiguration(store, clock.now())
  }

  /** What makes a new version when it changes; keys are published by their rotation. */
  #published({ crl, registryPrefix, changed }: StoredConfiguration): Record<string, ConfigValue> {
    const settings = { ...this.options, ...changed }
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
      registry_prefix: registryPrefix ?? '',
      ...(sameCountry.length > 0 ? { same_country: sameCountry } : {}),
      tunnel_refresh: settings.tunnelRefreshSeconds,
    }
  }
}

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
