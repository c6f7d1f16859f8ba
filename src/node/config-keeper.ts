import type { KeyObject } from 'node:crypto'
import { type NetworkChange, networkChanges } from '../core/config/changes.ts'
import { checkProtocol, firstConfig } from '../core/config/first-config.ts'
import { configOfValues, type NetworkConfig, readNetworkConfig } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import type { Decryptor } from '../core/crypto/rsa.ts'
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

/** What the keeper needs. */
export interface KeeperComponents {
  readonly registry: { getNetworkConfig(signal?: AbortSignal): Promise<Uint8Array> }
  readonly cache: Pick<Cache, 'readConfig' | 'writeConfig'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Keys to read a configuration with. */
export interface ConfigurationKeys {
  readonly caPublicKey: KeyObject
  readonly decrypt: Decryptor
}

/** Called with each new configuration, and what it changes. */
export type ConfigurationListener = (config: NetworkConfig, changes: readonly NetworkChange[]) => void

/** Called with a version that is newer than all before. @param from who told us, if that was another node */
export type NewsListener = (version: NetworkVersion, from: Prefix | undefined) => void

/** Why the registry is to be asked. */
type Reason =
  /** A newer version was seen. */
  | 'news'
  /** The registry, on this machine, says that there is another version. */
  | 'announced'
  /** There is no way to the registry's node: the network may have moved on without us. */
  | 'cut-off'
  /** The time is over for which the configuration holds. */
  | 'run-out'

/** How often it is looked whether the registry is to be asked. */
const LOOK_MS = 1_000
/** How long a start waits for a registry that may know better than the cache. */
const FIRST_ANSWER_MS = 5_000
/** Delays of asking the registry again when it does not answer. */
const RETRY_DELAYS = { minMs: 1_000, maxMs: 60_000 }
/** Who is cut off, or knows no configuration yet, is to be back soon after the registry can be reached again. */
const CUT_OFF_RETRY_MAX_MS = 15_000
/** News of a version comes from many at once: wait a moment, then ask (protocol, section 6). */
const NEWS_DELAY_MS = 1_000
/** When the registry's node fails, everybody is cut off at once. */
const CUT_OFF_SPREAD_MS = 1_000
/** Delays of asking again while we are cut off and the registry has nothing new. */
const CUT_OFF_AGAIN_MIN_MS = 15_000
const CUT_OFF_AGAIN_MAX_MS = 300_000
/** What has run out and is not replaced is asked for again after this. */
const RECHECK_MS = 600 * 1000

/**
 * Keeps the network's configuration, and owns its newest version from the moment that it is seen: whenever that is, it
 * is passed on, fetched, and applied, in this order. Versions only grow: what a registry, or somebody in its place,
 * brings back from former times is refused.
 */
export class ConfigKeeper {
  readonly #components: KeeperComponents
  readonly #keys: () => ConfigurationKeys
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
  readonly #reasons = new Set<Reason>()
  #timer: { readonly atMs: number; readonly timer: Disposable } | undefined
  #isFetching = false
  #failures = 0
  #refusal: string | undefined
  /** Aborted when the machine's own network is another. */
  #moved = new AbortController()
  #cutOff: { readonly nextMs: number; readonly delayMs: number } | undefined
  #lastAnswerMs = Number.NEGATIVE_INFINITY
  /** One line for each reason, not one for each try. */
  readonly #logLimit: LogLimit

  /** @param keys asked each time: the certificate, and so the key's use, may be renewed */
  constructor(components: KeeperComponents, keys: () => ConfigurationKeys) {
    this.#components = components
    this.#keys = keys
    this.#logLimit = new LogLimit(components.clock, { burst: 1 })
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
    return this.#refusal
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
    signal.addEventListener('abort', () => this.#timer?.timer[Symbol.dispose](), { once: true })
    const values = cache.readConfig()
    const cached =
      values.size > 0 ? configOfValues(values, this.#keys().caPublicKey) : refuse('the cache is empty')
    const first = firstConfig(cached, own)
    if (first.kind === 'cached') return this.#begin(first.config)
    if (first.kind === 'ask')
      log.info({ reason: first.reason }, 'asking the registry for the network configuration')
    const backOff = new BackOff(this.#components.clock, { ...RETRY_DELAYS, maxMs: CUT_OFF_RETRY_MAX_MS })
    for (;;) {
      const moved = this.#moved.signal
      try {
        const fetched = await (first.kind === 'ask-first'
          ? this.#fetchSoon(first.fallback.version)
          : this.#fetch())
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
        if (!moved.aborted)
          this.#logLimit.write(messageOf(error), (omitted) =>
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
    this.#want('news', NEWS_DELAY_MS)
    return ok('newer')
  }

  /** The registry, on this machine, has made another version, and does not say which. */
  announced(): void {
    this.#want('announced', 0)
  }

  /** The machine's own network is another: what could not be reached may be reachable now. */
  networkChanged(): void {
    this.#moved.abort(new Error('the network of this machine is another'))
    this.#moved = new AbortController()
    this.#failures = 0
    this.#cutOff = undefined
    this.#timer?.timer[Symbol.dispose]()
    this.#timer = undefined
    if (this.#reasons.size > 0 && !this.#isFetching) this.#fetchAfter(0)
  }

  /**
   * Looks, from now on, whether the registry is to be asked without anybody telling us.
   * @param isConnected whether there is a way to the registry's node
   */
  watch(isConnected: () => boolean): Disposable {
    this.#look(isConnected())
    return this.#components.clock.every(LOOK_MS, () => this.#look(isConnected()))
  }

  /** We are cut off, as whoever makes tunnels has found: the registry is asked, if that was not done a moment ago. */
  cutOff(): void {
    this.#look(false)
  }

  #look(isConnected: boolean): void {
    const { clock, random } = this.#components
    const nowMs = clock.monotonicMs()
    const { validUntilMs } = this.config
    if (
      validUntilMs !== undefined &&
      clock.now() > validUntilMs &&
      nowMs - this.#lastAnswerMs > RECHECK_MS &&
      !this.#isFetching &&
      // Otherwise the next try has its time: a registry that does not answer is not asked each second.
      !this.#reasons.has('run-out')
    )
      this.#want('run-out', 0)
    if (isConnected) {
      this.#reasons.delete('cut-off')
      // A connection that comes and goes is no reason to ask each time.
      const nextMs = Math.min(this.#cutOff?.nextMs ?? nowMs, nowMs + CUT_OFF_AGAIN_MIN_MS)
      this.#cutOff = nowMs < nextMs ? { nextMs, delayMs: CUT_OFF_AGAIN_MIN_MS } : undefined
    } else if (!this.#cutOff || (nowMs >= this.#cutOff.nextMs && !this.#reasons.has('cut-off'))) {
      const delayMs = this.#cutOff
        ? Math.min(2 * this.#cutOff.delayMs, CUT_OFF_AGAIN_MAX_MS)
        : CUT_OFF_AGAIN_MIN_MS
      this.#cutOff = { nextMs: nowMs + delayMs, delayMs }
      this.#want('cut-off', random.next() * CUT_OFF_SPREAD_MS)
    }
  }

  /** Asks the registry after `delayMs`; if it is being asked at the moment, then once more. */
  #want(reason: Reason, delayMs: number): void {
    this.#reasons.add(reason)
    if (!this.#isFetching) this.#fetchAfter(delayMs)
  }

  #fetchAfter(delayMs: number): void {
    const { clock } = this.#components
    const atMs = clock.monotonicMs() + delayMs
    if (this.#signal.aborted || (this.#timer && this.#timer.atMs <= atMs)) return
    this.#timer?.timer[Symbol.dispose]()
    this.#timer = { atMs, timer: clock.after(delayMs, () => this.#fetchNow()) }
  }

  #fetchNow(): void {
    this.#timer = undefined
    if (this.#isFetching) return
    this.#isFetching = true
    const asked = [...this.#reasons]
    this.#reasons.clear()
    this.#fetch()
      .then((config) => this.#take(config))
      .then(
        () => {
          this.#failures = 0
          this.#logLimit.forget()
        },
        (error: unknown) => {
          for (const reason of asked) this.#reasons.add(reason)
          this.#failures++
          this.#fetchFailed(messageOf(error))
        },
      )
      .finally(() => {
        this.#isFetching = false
        if (this.#reasons.size > 0) this.#fetchAfter(this.#failures > 0 ? this.#retryMs : NEWS_DELAY_MS)
      })
  }

  #fetchFailed(reason: string): void {
    if (this.#signal.aborted) return
    this.#logLimit.write(reason, (omitted) =>
      this.#components.log.warn(
        { reason, retryMs: this.#retryMs, ...omitted },
        'the network configuration cannot be had',
      ),
    )
  }

  get #retryMs(): number {
    const longestMs = this.#cutOff ? CUT_OFF_RETRY_MAX_MS : RETRY_DELAYS.maxMs
    return Math.min(RETRY_DELAYS.minMs * 2 ** this.#failures, longestMs)
  }

  #begin(config: NetworkConfig): NetworkConfig {
    this.#checkProtocol(config)
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
  async #fetch(signal = this.#signal, newest?: NetworkVersion): Promise<NetworkConfig> {
    const answer = await this.#components.registry.getNetworkConfig(signal)
    try {
      const received = readNetworkConfig(answer, this.#keys())
      if (!received.ok) throw new Re6stError('REGISTRY', received.reason)
      this.#checkProtocol(received.value)
      refuseOlder(received.value, this.#seen ?? this.#config?.version ?? newest)
      this.#refusal = undefined
      return received.value
    } catch (error) {
      this.#refusal = messageOf(error)
      throw error
    }
  }

  #take(config: NetworkConfig): void {
    const { clock, cache, log } = this.#components
    if (this.#signal.aborted) return
    this.#lastAnswerMs = clock.monotonicMs()
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

  #checkProtocol(config: NetworkConfig): void {
    const mayRun = checkProtocol(config)
    if (!mayRun.ok) throw new Re6stError('PROTOCOL', mayRun.reason)
    if (config.protocol > PROTOCOL)
      this.#components.log.warn(
        `the network speaks protocol ${config.protocol}, this re6stnet ${PROTOCOL}: there is a newer one`,
      )
  }
}

const kindsOf = (changes: readonly NetworkChange[]): string => changes.map(({ kind }) => kind).join(',')

/** Answers of the registry are not bound to the question: one from former times can be said again. */
function refuseOlder({ version }: NetworkConfig, newest: NetworkVersion | undefined): void {
  if (newest !== undefined && compareVersions(version, newest) < 0)
    throw new Re6stError(
      'REGISTRY',
      'the registry gives an older network configuration than was seen before: was its database restored, or does somebody answer in its place?',
    )
}
