import { activeKeys, type KeySlots, rotate } from '../core/config/key-rotation.ts'
import { type ConfigValue, encodeNetworkConfig } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import { NO_VERSION, numberOfVersion } from '../core/values/network-version.ts'
import { packInteger } from '../core/values/packed-integer.ts'
import type { CryptoPool } from './crypto/pool.ts'
import type { Store } from './database/store.ts'

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

const SLOTS = ['h0', 'h1', 'h2'] as const

/** The network's configuration: its version increases whenever something in it changes. */
export class NetworkConfiguration {
  readonly #store: Store
  readonly #pool: Pick<CryptoPool, 'sign' | 'encryptTo'>
  readonly #settings: NetworkSettings
  #crl: readonly number[]
  /** The last of the changes under way: each is signed and written before the next begins. */
  #changing: Promise<void> = Promise.resolve()

  constructor(store: Store, pool: Pick<CryptoPool, 'sign' | 'encryptTo'>, settings: NetworkSettings) {
    this.#store = store
    this.#pool = pool
    this.#settings = settings
    this.#crl = store.crl().map(({ serial }) => serial)
  }

  /** The present network version. */
  get version(): Buffer {
    const version = this.#store.config('version')
    return Buffer.isBuffer(version) ? version : NO_VERSION
  }

  /** Prefix of the registry's own node: of the first certificate ever issued. */
  get registryPrefix(): string | undefined {
    const prefix = this.#store.config('prefix')
    return typeof prefix === 'string' ? prefix : undefined
  }

  /**
   * Compares with what was last published, and publishes a new version if something differs, or `isForced`.
   * Resolves when it is written. Says whether there is a new version.
   */
  async publish(isForced = false): Promise<boolean> {
    let isNew = false
    const change = this.#changing.then(async () => {
      this.#crl = this.#store.crl().map(({ serial }) => serial)
      const text = JSON.stringify(this.#published(), sortedKeys(this.#published()))
      if (
        !isForced &&
        this.#store.config('version') !== undefined &&
        sameJson(this.#store.config('last_config'), text)
      )
        return
      const number = numberOfVersion(this.version)
      const packed = packInteger((number.ok ? number.value : 0n) + 1n)
      const signature = await this.#pool.sign(packed)
      await this.#store.write((store) => {
        store.setConfig('last_config', text)
        store.setConfig('version', Buffer.concat([packed, signature]))
      })
      isNew = true
    })
    this.#changing = change.catch(() => {})
    await change
    return isNew
  }

  /** Takes the next step of the rotation of MAC keys, and publishes it. */
  async rotateKeys(newKey: Buffer, nowMs: number): Promise<void> {
    await this.#store.write((store) => {
      const { slots, validUntilMs } = rotate(this.#slots(), newKey, nowMs)
      for (const name of SLOTS) store.setConfig(configName(name), slots[name])
      store.setConfig('valid_until', validUntilMs === undefined ? undefined : validUntilMs / 1000)
    })
    await this.publish(true)
  }

  /** A new database begins with one key. */
  async beginKeys(newKey: Buffer): Promise<void> {
    await this.#store.write((store) => store.setConfig(configName('h0'), newKey))
  }

  /** The answer of `getNetworkConfig` to the holder of a certificate. */
  async encode(certificatePem: string): Promise<Buffer> {
    const { sign, accept } = activeKeys(this.#slots())
    const [encryptedSign, encryptedAccept] = await this.#pool.encryptTo(
      certificatePem,
      [sign, accept].filter((key) => key !== undefined),
    )
    const validUntil = this.#store.config('valid_until')
    return encodeNetworkConfig({
      ...this.#published(),
      version: this.version,
      ...(encryptedSign ? { babel_hmac_sign: encryptedSign } : {}),
      ...(encryptedAccept ? { babel_hmac_accept: encryptedAccept } : {}),
      ...(typeof validUntil === 'number' ? { valid_until: validUntil } : {}),
    })
  }

  /** What makes a new version when it changes; keys are published by their rotation. */
  #published(): Record<string, ConfigValue> {
    const { ipv4, sameCountry } = this.#settings
    return {
      babel_default: BABEL_DEFAULT,
      client_count: this.#settings.clientCount,
      crl: this.#crl,
      encrypt: this.#settings.encrypt,
      hello: this.#settings.helloSeconds,
      ...(ipv4 ? { ipv4: ipv4.range, ipv4_sublen: ipv4.subnetBits } : {}),
      max_clients: this.#settings.maxClients,
      min_protocol: this.#settings.minProtocol,
      protocol: PROTOCOL,
      registry_prefix: this.registryPrefix ?? '',
      ...(sameCountry.length > 0 ? { same_country: sameCountry } : {}),
      tunnel_refresh: this.#settings.tunnelRefreshSeconds,
    }
  }

  #slots(): KeySlots {
    const slots: { -readonly [Slot in keyof KeySlots]: Buffer } = {}
    for (const name of SLOTS) {
      const key = this.#store.config(configName(name))
      if (Buffer.isBuffer(key)) slots[name] = key
    }
    return slots
  }
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
