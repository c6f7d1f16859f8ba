import { activeKeys, type KeySlots, rotate } from '../core/config/key-rotation.ts'
import { encodeNetworkConfig } from '../core/config/network-config.ts'
import { NO_VERSION, numberOfVersion } from '../core/values/network-version.ts'
import { packInteger } from '../core/values/packed-integer.ts'
import { type Prefix, prefixOfBits } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { Retries } from '../platform/retries.ts'
import { Turns } from '../platform/turns.ts'
import { Announcement } from './announcement.ts'
import { AnswersOfVersion } from './answers-of-version.ts'
import type { CaCryptography } from './crypto/cryptography.ts'
import type { Store, Write } from './database/store.ts'
import { Followers } from './followers.ts'
import { setNotice } from './operator-notices.ts'
import { isSameText, publishedOf, textOf } from './published-configuration.ts'
import {
  type NetworkSettings,
  NOTHING_STORED,
  readConfiguration,
  type StoredConfiguration,
  writeChangedSettings,
  writeFirstKey,
  writeKeys,
} from './stored-configuration.ts'

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

/** Where a rotation of MAC keys is. */
type RotationStep = 'idle' | 'announced' | 'used' | 'beginning'

function countOf(version: Buffer): number {
  const number = numberOfVersion(version)
  return number.ok ? Number(number.value) : 0
}

function stepOf({ h0, h1, h2 }: KeySlots): RotationStep {
  if (h0) return h1 ? 'announced' : 'idle'
  return h2?.length === 0 ? 'beginning' : h1 && h2 ? 'used' : 'idle'
}

/** Delays of publishing again what could not be published. */
const RETRY_DELAYS = { minMs: 1_000, maxMs: 60_000 }

/**
 * The network's configuration: its version increases whenever something in it changes. One call publishes and announces;
 * what could not be published is published later by itself.
 */
export class NetworkConfiguration implements Disposable {
  readonly #components: ConfigurationComponents
  /** What the options of the command say. */
  readonly options: NetworkSettings
  /** Who has asked for which version. */
  readonly followers: Followers
  #rotated: () => void = () => {}
  #state: StoredConfiguration = NOTHING_STORED
  readonly #answers = new AnswersOfVersion()
  /** Each change is signed and written before the next begins. */
  readonly #turns = new Turns()
  readonly #retries: Retries<'configuration' | 'followed'>
  /** Whether the last attempt to publish has failed: a change that is refused is none. */
  #isUnpublished = false
  readonly #announcement: Announcement
  #announce: (registryPrefix: Prefix) => void = () => {}

  constructor(components: ConfigurationComponents, settings: NetworkSettings) {
    this.#components = components
    this.followers = new Followers(components)
    this.options = settings
    this.#announcement = new Announcement({
      clock: components.clock,
      isKnown: () =>
        this.registryPrefix !== undefined && this.followers.hasVersion(this.registryPrefix, this.version),
      tell: () => {
        if (this.registryPrefix !== undefined) this.#announce(prefixOfBits(this.registryPrefix))
        return this.registryPrefix !== undefined
      },
    })
    this.#retries = new Retries({
      ...{ clock: components.clock, limits: RETRY_DELAYS },
      // When it fails again, that is told there.
      again: (names) => {
        if (names.includes('followed')) this.follow().catch(() => {})
        if (names.includes('configuration')) this.publish().catch(() => {})
      },
    })
  }

  /** Reads what is published, by whichever process: to be called before anything is asked for, and when it was changed. */
  async load(): Promise<void> {
    this.#state = await this.#read()
  }

  /**
   * Another process may have changed it: what is published is served and announced here, too. What cannot be read is read again by
   * itself. After what is being published here: what was read before must not take the place of what was read later.
   * @returns whether there is another version
   */
  follow(): Promise<boolean> {
    const followed = this.#turns.take(async () => {
      const { version } = this.#state
      await this.load()
      const isNew = !this.#state.version.equals(version)
      if (isNew) this.announce()
      return isNew
    })
    return this.#retries.watch('followed', followed)
  }

  /** From now on, the registry's own node is told of each new version, until it has asked for it. */
  announceBy(announce: (registryPrefix: Prefix) => void): void {
    this.#announce = announce
  }

  /** Tells the registry's own node of the present version, unless it has asked for it already. */
  announce(): void {
    this.#announcement.begin()
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
    return countOf(this.version)
  }

  /** Where the rotation of MAC keys is. */
  get rotationStep(): RotationStep {
    return stepOf(this.#state.slots)
  }

  /** Until when a new key is announced; undefined: none is. */
  get validUntilMs(): number | undefined {
    const { validUntil } = this.#state
    return validUntil === undefined ? undefined : validUntil * 1000
  }

  /**
   * Takes the next step of the rotation of MAC keys, and publishes it.
   * @param alsoFrom what is written with it: all or none. Is told the step that is left, whoever has taken it; what it throws, a
   *   `Refusal`, keeps the next from being taken
   */
  async rotateKeys(
    newKey: Buffer,
    nowMs: number,
    alsoFrom: (step: RotationStep) => Write = () => async () => {},
  ): Promise<void> {
    await this.#change(({ slots, version }) => {
      const left = stepOf(slots)
      const also = alsoFrom(left)
      // The first step leaves nobody behind.
      const before = left === 'idle' ? undefined : { version: version.toString('hex') }
      const step = rotate(slots, newKey, nowMs)
      return {
        write: async (writable) => {
          await writeKeys(writable, step)
          await setNotice(writable, 'keys.left_behind', before)
          await also(writable)
        },
      }
    })
    this.#rotated()
  }

  /** Calls `listener` after each step of the rotation of MAC keys that is taken here. */
  onRotated(listener: () => void): void {
    this.#rotated = listener
  }

  /**
   * Changes settings, and publishes them. What is as the options say is no change any more.
   * @param alsoAfter what is written with them: all or none. Is told the version that is changed, whoever has published it; what it
   *   throws, a `Refusal`, keeps it from being changed
   */
  async change(
    settings: Partial<NetworkSettings>,
    alsoAfter: (versionNumber: number) => Write,
  ): Promise<void> {
    await this.#change((state) => {
      const also = alsoAfter(countOf(state.version))
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

  async #change(prepare: ((state: StoredConfiguration) => Prepared) | undefined): Promise<boolean> {
    let isRefused = false
    const refusing =
      prepare &&
      ((state: StoredConfiguration) => {
        isRefused = true
        const prepared = prepare(state)
        isRefused = false
        return prepared
      })
    const change = this.#turns.take(() => this.#publish(refusing))
    const tried = change.catch(async (error: unknown) => {
      if (isRefused) {
        // Who looks again sees what it was refused for, also before that is heard.
        await this.follow().catch(() => {})
        // Of this one nothing is left that could be published later; of one before, all.
        if (this.#isUnpublished) throw error
        return false
      }
      this.#isUnpublished = true
      this.#components.log.error({ err: error }, 'the configuration cannot be published: tried again')
      throw error
    })
    await this.#retries.watch('configuration', tried)
    return change
  }

  async #publish(prepare: ((state: StoredConfiguration) => Prepared) | undefined): Promise<boolean> {
    const { store, cryptography } = this.#components
    for (;;) {
      const state = await this.#read()
      const prepared = prepare?.(state)
      const text = textOf(publishedOf({ ...this.options, ...(prepared?.changed ?? state.changed) }, state))
      const isPublished =
        (await store.config('version')) !== undefined && isSameText(await store.config('last_config'), text)
      if (!prepared && isPublished) {
        this.#isUnpublished = false
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
      this.#isUnpublished = false
      await this.load()
      this.announce()
      return true
    }
  }

  [Symbol.dispose](): void {
    this.#retries[Symbol.dispose]()
    this.#announcement[Symbol.dispose]()
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
    const { validUntil } = state
    const { sign, accept } = activeKeys(state.slots)
    const [encryptedSign, encryptedAccept] = await this.#components.cryptography.encryptTo(
      certificatePem,
      [sign, accept].filter((key) => key !== undefined),
    )
    return encodeNetworkConfig({
      ...publishedOf(this.settings, state),
      version: state.version,
      ...(encryptedSign ? { babel_hmac_sign: encryptedSign } : {}),
      ...(encryptedAccept ? { babel_hmac_accept: encryptedAccept } : {}),
      ...(validUntil === undefined ? {} : { valid_until: validUntil }),
    })
  }

  /** As it is at one moment: while it is read, another process may publish the next one. */
  async #read(): Promise<StoredConfiguration> {
    const { store, clock } = this.#components
    for (;;) {
      const state = await readConfiguration(store, await store.commonTimeMs(clock))
      const present = await store.config('version')
      if (state.version.equals(Buffer.isBuffer(present) ? present : NO_VERSION)) return state
    }
  }
}
