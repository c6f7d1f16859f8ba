import { type NetworkChange, networkChanges } from '../core/config/changes.ts'
import { firstConfig } from '../core/config/first-config.ts'
import { configOfValues, type NetworkConfig } from '../core/config/network-config.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { ok, type Result, refuse } from '../core/result.ts'
import { compareVersions, type NetworkVersion, verifyVersion } from '../core/values/network-version.ts'
import type { Prefix } from '../core/values/prefix.ts'
import { BackOff } from '../platform/back-off.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import type { Cache } from './cache/cache.ts'
import { ConfigQuestions, type Connection, CUT_OFF_RETRY_MAX_MS, RETRY_DELAYS } from './config-questions.ts'
import { ConfigSource, type ConfigSourceInit, type ConfigurationKeys } from './config-source.ts'

/** What the keeper needs. */
export interface KeeperComponents {
  readonly registry: ConfigSourceInit['registry']
  readonly cache: Pick<Cache, 'readConfig' | 'writeConfig'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Called with each new configuration, and what it changes. */
export type ConfigurationListener = (config: NetworkConfig, changes: readonly NetworkChange[]) => void

/** Called with a version that is newer than all before. @param from who told us, if that was another node */
export type NewsListener = (version: NetworkVersion, from: Prefix | undefined) => void

/** How often it is looked whether the registry is to be asked. */
const LOOK_MS = 1_000
/** How long a start waits for a registry that may know better than the cache. */
const FIRST_ANSWER_MS = 5_000

/**
 * Keeps the network's configuration, and owns its newest version from the moment that it is seen: whenever that is, it
 * is passed on, fetched, and applied, in this order.
 */
export class ConfigKeeper {
  readonly #components: KeeperComponents
  readonly #keys: () => ConfigurationKeys
  readonly #source: ConfigSource
  readonly #questions: ConfigQuestions
  #config: NetworkConfig | undefined
  /** What the listener knows. */
  #applied: NetworkConfig | undefined
  /** The newest version that was verified, if its configuration is still to be fetched. */
  #seen: NetworkVersion | undefined
  #newestSinceMs: number | undefined
  #previousSinceMs: number | undefined
  #listener: ConfigurationListener | undefined
  #newsListener: NewsListener = () => {}
  #signal: AbortSignal = AbortSignal.abort()
  /** Aborted when the machine's own network is another. */
  #moved = new AbortController()

  /** @param keys asked each time: the certificate, and so the key's use, may be renewed */
  constructor(components: KeeperComponents, keys: () => ConfigurationKeys) {
    this.#components = components
    this.#keys = keys
    const { clock, random, log, registry } = components
    this.#source = new ConfigSource({ registry, keys, log })
    this.#questions = new ConfigQuestions({
      clock,
      random,
      log,
      ask: async () => this.#take(await this.#fetch(this.#signal)),
    })
  }

  /** The configuration that was fetched last. Only after `start`. */
  get config(): NetworkConfig {
    if (!this.#config) throw new Error('the network configuration is not known yet')
    return this.#config
  }

  /** The range of the network's IPv4 payload, in CIDR notation; undefined: it has none, or is not known yet. */
  get ipv4Range(): string | undefined {
    return this.#config?.ipv4?.range
  }

  /** The newest version of which we know: of our configuration, or of one that is being fetched. */
  get newestVersion(): NetworkVersion {
    return this.#seen ?? this.config.version
  }

  /** Why what the registry gave last is not in effect here; undefined: it is, or nothing came. */
  get refusal(): string | undefined {
    return this.#source.refusal
  }

  /** When the newest version was seen, by the clock that never jumps; undefined: it was there at the start. */
  get newestSinceMs(): number | undefined {
    return this.#newestSinceMs
  }

  /** When the version before it was seen; undefined: it was there at the start, or there is none. */
  get previousSinceMs(): number | undefined {
    return this.#previousSinceMs
  }

  /** Calls `listener` with each configuration after the one that `start` returned, also with one that came meanwhile. */
  onChange(listener: ConfigurationListener): void {
    this.#listener = listener
    this.#apply()
  }

  /** Calls `listener` with each version that is newer than all before, before it is fetched. */
  onNews(listener: NewsListener): void {
    this.#newsListener = listener
  }

  /**
   * Gets a first configuration: from the cache if that is good, else from the registry, as long as it takes. The
   * registry is asked first, for a moment, when we speak a newer protocol than the cache knows, or are the registry's node.
   * @throws Re6stError `PROTOCOL` when this node is too old for the network
   */
  async start(own: Prefix, signal: AbortSignal): Promise<NetworkConfig> {
    const { cache, log } = this.#components
    this.#signal = signal
    this.#questions.start(signal)
    const values = cache.readConfig()
    const cached =
      values.size > 0 ? configOfValues(values, this.#keys().caPublicKey) : refuse('the cache is empty')
    const first = firstConfig(cached, own)
    if (first.kind === 'cached') return this.#begin(first.config)
    if (first.kind === 'ask')
      log.info({ reason: first.reason }, 'asking the registry for the network configuration')
    // One line for each reason, not one for each try.
    const logLimit = new LogLimit(this.#components.clock, { burst: 1 })
    const backOff = new BackOff(this.#components.clock, { ...RETRY_DELAYS, maxMs: CUT_OFF_RETRY_MAX_MS })
    for (;;) {
      const moved = this.#moved.signal
      try {
        const fetched = await (first.kind === 'ask-first'
          ? this.#fetchSoon(first.fallback.version)
          : this.#fetch(signal))
        cache.writeConfig(fetched.values)
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
        if (!moved.aborted)
          logLimit.write(messageOf(error), (omitted) =>
            log.warn(
              { reason: messageOf(error), retryMs: backOff.delayMs, ...omitted },
              'the registry gives no configuration',
            ),
          )
        await backOff.wait(AbortSignal.any([signal, moved]))
        signal.throwIfAborted()
        // From where we are now, it may answer at once.
        if (moved.aborted) backOff.succeeded()
      }
    }
  }

  /**
   * A node says which version it has.
   * @returns how it is beside ours; refused when the CA has not signed it
   */
  heard(version: Uint8Array, from: Prefix): Result<'same' | 'older' | 'newer'> {
    const order = compareVersions(version, this.newestVersion)
    if (order === 0) return ok('same')
    const verified = verifyVersion(version, this.#keys().caPublicKey)
    if (!verified.ok) return verified
    if (order < 0) return ok('older')
    this.#news(verified.value, from)
    this.#questions.news()
    return ok('newer')
  }

  /** The registry, on this machine, has made another version, and does not say which. */
  announced(): void {
    this.#questions.announced()
  }

  /** The machine's own network is another: what could not be reached may be reachable now. */
  networkChanged(): void {
    this.#moved.abort(new Error('the network of this machine is another'))
    this.#moved = new AbortController()
    this.#questions.networkChanged()
  }

  /**
   * Looks, from now on, whether the registry is to be asked without anybody telling us.
   * @param connection how we are connected now
   */
  watch(connection: () => Connection): Disposable {
    this.#look(connection())
    return this.#components.clock.every(LOOK_MS, () => this.#look(connection()))
  }

  /** We are cut off, as whoever makes tunnels has found: the registry is asked, if that was not done a moment ago. */
  cutOff(): void {
    this.#look('cut off')
  }

  #look(connection: Connection): void {
    const { validUntilMs } = this.config
    if (validUntilMs !== undefined && this.#components.clock.now() > validUntilMs) this.#questions.hasRunOut()
    this.#questions.connected(connection)
  }

  #begin(config: NetworkConfig): NetworkConfig {
    this.#source.checkProtocol(config)
    this.#config = config
    this.#applied = config
    return config
  }

  /** As long as a start may wait for what it can do without. */
  async #fetchSoon(newest: NetworkVersion): Promise<NetworkConfig> {
    const patience = new AbortController()
    const giveUp = () => patience.abort(new Re6stError('REGISTRY', `no answer within ${FIRST_ANSWER_MS} ms`))
    using _timer = this.#components.clock.after(FIRST_ANSWER_MS, giveUp)
    return await this.#fetch(AbortSignal.any([this.#signal, patience.signal]), newest)
  }

  /** @param newest the version that is in effect, before anything was */
  #fetch(signal: AbortSignal, newest?: NetworkVersion): Promise<NetworkConfig> {
    return this.#source.fetch(() => this.#seen ?? this.#config?.version ?? newest, signal)
  }

  #take(config: NetworkConfig): void {
    const { cache, log } = this.#components
    if (this.#signal.aborted) return
    const before = this.config
    const changes = networkChanges(before, config)
    // A registry that was restored from a copy gives the same number again, to something else: neighbours with other keys
    // do not hear us, and nobody has a newer version.
    if (compareVersions(config.version, before.version) === 0 && changes.length === 0) return
    if (compareVersions(config.version, this.newestVersion) > 0) this.#news(config.version, undefined)
    cache.writeConfig(config.values)
    this.#config = config
    this.#seen = undefined
    log.info({ changes: kindsOf(changes) }, 'new network configuration')
    this.#apply()
  }

  #news(version: NetworkVersion, from: Prefix | undefined): void {
    this.#seen = version
    this.#previousSinceMs = this.#newestSinceMs
    this.#newestSinceMs = this.#components.clock.monotonicMs()
    this.#newsListener(version, from)
  }

  #apply(): void {
    const [before, config] = [this.#applied, this.#config]
    if (!this.#listener || !before || !config || before === config) return
    this.#applied = config
    this.#listener(config, networkChanges(before, config))
  }
}

const kindsOf = (changes: readonly NetworkChange[]): string => changes.map(({ kind }) => kind).join(',')
