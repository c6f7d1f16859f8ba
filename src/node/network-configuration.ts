import type { KeyObject } from 'node:crypto'
import { type NetworkChange, networkChanges } from '../core/config/changes.ts'
import { checkProtocol, firstConfig } from '../core/config/first-config.ts'
import { configOfValues, type NetworkConfig, readNetworkConfig } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import type { Decryptor } from '../core/crypto/rsa.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import { refuse } from '../core/result.ts'
import { compareVersions } from '../core/values/network-version.ts'
import type { Prefix } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import type { Cache } from './cache/cache.ts'

/** What the keeper needs. */
export interface ConfigurationComponents {
  readonly registry: { getNetworkConfig(signal?: AbortSignal): Promise<Uint8Array> }
  readonly cache: Pick<Cache, 'readConfig' | 'writeConfig'>
  readonly clock: Clock
  readonly log: Logger
}

/** Keys to read a configuration with. */
export interface ConfigurationKeys {
  readonly caPublicKey: KeyObject
  readonly decrypt: Decryptor
}

/** Called with each new configuration, and what it changes. */
export type ConfigurationListener = (config: NetworkConfig, changes: readonly NetworkChange[]) => void

/** Delays of asking the registry again. */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 60_000
/** News of a version comes from many at once: wait a moment, then ask (protocol, section 6). */
const NEWS_DELAY_MS = 1_000
/** What has run out and is not replaced is asked for again after this. */
const RECHECK_MS = 600 * 1000
/** After so long without news, while the registry's node is not reachable, ask. */
const SILENCE_MS = 3600 * 1000

/** Keeps the network's configuration: from the cache at start, from the registry when it changes. */
export class NetworkConfiguration {
  readonly #components: ConfigurationComponents
  readonly #keys: () => ConfigurationKeys
  #config: NetworkConfig | undefined
  #listener: ConfigurationListener = () => {}
  #fetching: Promise<void> | undefined
  #lastNewsMs: number
  #lastAnswerMs = Number.NEGATIVE_INFINITY
  /** One line for each reason, not one for each try. */
  readonly #logLimit: LogLimit

  /** @param keys asked each time: the certificate, and so the key's use, may be renewed */
  constructor(components: ConfigurationComponents, keys: () => ConfigurationKeys) {
    this.#components = components
    this.#keys = keys
    this.#lastNewsMs = components.clock.monotonicMs()
    this.#logLimit = new LogLimit(components.clock, { burst: 1 })
  }

  /** The present configuration. Only after `start`. */
  get config(): NetworkConfig {
    if (!this.#config) throw new Error('the network configuration is not known yet')
    return this.#config
  }

  /** Calls `listener` with each configuration after the first. */
  onChange(listener: ConfigurationListener): void {
    this.#listener = listener
  }

  /**
   * Gets a first configuration: from the cache if that is good, else from the registry, as long as it takes. The
   * registry is asked anyway when we speak a newer protocol than the cache knows, or are the registry's node.
   * @throws Re6stError `PROTOCOL` when this node is too old for the network
   */
  async start(own: Prefix, signal: AbortSignal): Promise<NetworkConfig> {
    const { cache, log } = this.#components
    const values = cache.readConfig()
    const cached =
      values.size > 0 ? configOfValues(values, this.#keys().caPublicKey) : refuse('the cache is empty')
    const first = firstConfig(cached, own)
    if (first.kind === 'cached') return this.#begin(first.config)
    if (first.kind === 'ask')
      log.info({ reason: first.reason }, 'asking the registry for the network configuration')
    for (let delayMs = RETRY_MIN_MS; ; delayMs = Math.min(2 * delayMs, RETRY_MAX_MS)) {
      try {
        const fetched = await this.#fetch(signal)
        cache.writeConfig(fetched.values)
        this.#logLimit.forget()
        return this.#begin(fetched)
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof Re6stError && error.code === 'PROTOCOL') throw error
        if (first.kind === 'ask-first') {
          log.warn(
            { reason: messageOf(error) },
            'the registry gives no configuration: the cached one is used',
          )
          return this.#begin(first.fallback)
        }
        this.#logLimit.write(messageOf(error), (omitted) =>
          log.warn(
            { reason: messageOf(error), retryMs: delayMs, ...omitted },
            'the registry gives no configuration',
          ),
        )
        await this.#components.clock.sleep(delayMs, signal)
      }
    }
  }

  /** A signed version was seen that is newer than ours: asks the registry for it, until it has it. */
  newerVersionSeen(signal: AbortSignal): void {
    this.#lastNewsMs = this.#components.clock.monotonicMs()
    this.#fetching ??= this.#refetch(NEWS_DELAY_MS, signal).finally(() => {
      this.#fetching = undefined
    })
  }

  /** The version that the registry has now, so that others can be told before it is used. Undefined: it does not answer. */
  async peekVersion(signal: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      return (await this.#fetch(signal)).version
    } catch {
      return undefined // whoever fetches the configuration says why
    }
  }

  /** Asks when what we know has run out, or nothing was heard for long. Call it now and then. */
  checkAge(isRegistryReachable: boolean, signal: AbortSignal): void {
    const { clock } = this.#components
    const { validUntilMs } = this.config
    const isOver =
      validUntilMs !== undefined &&
      clock.now() > validUntilMs &&
      clock.monotonicMs() - this.#lastAnswerMs > RECHECK_MS
    const isSilent = !isRegistryReachable && clock.monotonicMs() - this.#lastNewsMs > SILENCE_MS
    if (isOver || isSilent) this.newerVersionSeen(signal)
  }

  #begin(config: NetworkConfig): NetworkConfig {
    this.#checkProtocol(config)
    this.#config = config
    return config
  }

  async #fetch(signal: AbortSignal): Promise<NetworkConfig> {
    const received = readNetworkConfig(await this.#components.registry.getNetworkConfig(signal), this.#keys())
    if (!received.ok) throw new Re6stError('REGISTRY', received.reason)
    this.#checkProtocol(received.value.config)
    return received.value.config
  }

  async #refetch(firstDelayMs: number, signal: AbortSignal): Promise<void> {
    const { clock, cache, log } = this.#components
    for (let delayMs = firstDelayMs; !signal.aborted; delayMs = Math.min(2 * delayMs, RETRY_MAX_MS)) {
      await clock.sleep(delayMs, signal).catch(() => {})
      if (signal.aborted) return
      try {
        const config = await this.#fetch(signal)
        this.#lastNewsMs = clock.monotonicMs()
        this.#lastAnswerMs = this.#lastNewsMs
        this.#logLimit.forget()
        const before = this.config
        if (compareVersions(config.version, before.version) === 0) return
        cache.writeConfig(config.values)
        this.#config = config
        const changes = networkChanges(before, config)
        log.info({ changes: changes.map(({ kind }) => kind).join(',') }, 'new network configuration')
        this.#listener(config, changes)
        return
      } catch (error) {
        if (signal.aborted) return
        this.#logLimit.write(messageOf(error), (omitted) =>
          log.warn(
            { reason: messageOf(error), retryMs: Math.min(2 * delayMs, RETRY_MAX_MS), ...omitted },
            'the new configuration cannot be had',
          ),
        )
      }
    }
  }

  #checkProtocol(config: NetworkConfig): void {
    const mayRun = checkProtocol(config)
    if (!mayRun.ok) throw new Re6stError('PROTOCOL', mayRun.reason)
    if (config.protocol > PROTOCOL)
      this.#components.log.warn(
        `the network speaks protocol ${config.protocol}, this re6stnet ${PROTOCOL}: there is a newer one`,
      )
  }
}
