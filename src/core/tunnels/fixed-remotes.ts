import { Re6stError } from '../errors.ts'
import { GrowingDelay } from '../growing-delay.ts'
import type { Random } from '../random.ts'
import { isIpv6Protocol, type PeerAddress } from '../values/address-list.ts'
import type { Prefix } from '../values/prefix.ts'
import { Bootstrap, isConnected } from './bootstrap.ts'
import {
  ANYONE,
  type Circumstance,
  type CutOff,
  type NetworkView,
  type TunnelDecision,
  type TunnelStrategy,
  type TunnelTarget,
} from './decisions.ts'
import { NO_NEIGHBOUR, patienceMs, Usage } from './patience.ts'
import { Refusals } from './refusals.ts'
import type { TunnelSettings } from './settings.ts'

/** Delays of trying all remotes again. */
const RETRY_DELAYS = { minMs: 1_000, maxMs: 60_000 }

/**
 * The remotes of `--client` that can be used.
 * @throws Re6stError `CONFLICT` when there are none
 */
export function usableRemotes(remotes: readonly PeerAddress[], allowsIpv6: boolean): readonly PeerAddress[] {
  const usable = remotes.filter(({ protocol }) => allowsIpv6 || !isIpv6Protocol(protocol))
  if (usable.length > 0) return usable
  throw new Re6stError(
    'CONFLICT',
    '--client: there are no tunnels over IPv6 with --default, or in a kernel without source-specific routes: add a remote with tcp or udp',
  )
}

/** What of the settings counts where the user says whom to connect to. */
type FixedSettings = Pick<TunnelSettings, 'helloIntervalMs' | 'registryPrefix'>

/** The tunnel that was begun. */
interface Tunnel {
  state: 'connecting' | 'up' | 'closing'
  readonly begunMs: number
  readonly usage: Usage
  /** Begun in other circumstances: that it fails says nothing of the remotes. */
  isOutdated: boolean
  remote: PeerAddress | undefined
}

/**
 * `--client`: one tunnel to whichever of some remotes answers, made again whenever it ends. The remotes are tried in the
 * user's order; one over which routing heard nobody comes after the others.
 */
export class FixedRemotes implements TunnelStrategy {
  readonly #own: Prefix
  readonly #remotes: readonly PeerAddress[]
  #settings: FixedSettings
  readonly #bootstrap: Bootstrap
  /** Remotes that let us in, and were of no use; the last one last. */
  #useless: readonly PeerAddress[] = []
  readonly #refusals = new Refusals()
  #tunnel: Tunnel | undefined
  /** Undefined: to be computed when it is next decided. */
  #retryMs: number | undefined = Number.NEGATIVE_INFINITY
  readonly #delay = new GrowingDelay(RETRY_DELAYS)
  #wakeMs = Number.POSITIVE_INFINITY

  constructor(own: Prefix, settings: FixedSettings, remotes: readonly PeerAddress[], random: Random) {
    this.#own = own
    this.#settings = settings
    this.#remotes = remotes
    this.#bootstrap = new Bootstrap(random)
  }

  configure(settings: FixedSettings): void {
    this.#settings = settings
  }

  get cutOff(): CutOff | undefined {
    return this.#bootstrap.cutOff
  }

  get nextWakeMs(): number {
    return Math.min(this.#wakeMs, this.#bootstrap.nextMs)
  }

  circumstancesChanged(what: Circumstance): void {
    this.#useless = []
    if (what !== 'routing-keys') this.#refusals.forgive()
    this.#delay.reset()
    this.#retryMs = Number.NEGATIVE_INFINITY
    this.#tunnel?.usage.forgive()
    if (this.#tunnel && (what === 'network' || what === 'identity')) this.#tunnel.isOutdated = true
    this.#bootstrap.again()
  }

  tunnelUp(target: TunnelTarget, remote: PeerAddress | undefined): void {
    if (target !== ANYONE || this.#tunnel?.state !== 'connecting') return
    this.#tunnel.state = 'up'
    this.#tunnel.remote = remote
  }

  tunnelDown(target: TunnelTarget, _isReachable: boolean, isUnwanted = false): void {
    const tunnel = this.#tunnel
    if (target !== ANYONE || !tunnel) return
    this.#tunnel = undefined
    this.#retryMs = tunnel.isOutdated ? Number.NEGATIVE_INFINITY : undefined
    if (isUnwanted && tunnel.state !== 'closing' && !tunnel.isOutdated)
      this.#refusals.happened(ANYONE, tunnel.begunMs)
    if (tunnel.state === 'up' && !tunnel.usage.wasUsed && !tunnel.isOutdated) this.#wasUseless(tunnel)
  }

  tunnelKept(): void {}

  clientUp(): void {}

  clientDown(): void {}

  addressesLearnt(): void {}

  registryAnswered(_peer: unknown, nowMs: number): void {
    this.#bootstrap.answered(nowMs)
  }

  decide(view: NetworkView, nowMs: number): readonly TunnelDecision[] {
    this.#wakeMs = this.#refusals.look(nowMs)
    return [...this.#failUnused(view, nowMs), ...this.#connect(nowMs), ...this.#askRegistry(view, nowMs)]
  }

  *#failUnused(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    const tunnel = this.#tunnel
    if (tunnel?.state !== 'up') return
    const { usage } = tunnel
    usage.look(view.isTunnelUsable(ANYONE), nowMs)
    if (!view.isRouting) usage.forgive()
    if (view.isRouting && usage.unusedSinceMs === undefined) {
      this.#delay.reset()
      this.#useless = this.#useless.filter((remote) => remote !== tunnel.remote)
      return
    }
    // All of them were of no use: perhaps everything is slow.
    const rounds = this.#useless.length >= this.#remotes.length ? 1 : 0
    if (
      !this.#isDue((usage.unusedSinceMs ?? nowMs) + patienceMs(this.#settings.helloIntervalMs, rounds), nowMs)
    )
      return
    this.#wasUseless(tunnel)
    tunnel.state = 'closing'
    yield { kind: 'give-up', target: ANYONE, reason: NO_NEIGHBOUR }
  }

  *#connect(nowMs: number): Generator<TunnelDecision> {
    if (this.#tunnel) return
    this.#retryMs ??= nowMs + this.#delay.take()
    if (!this.#isDue(this.#retryMs, nowMs) || this.#refusals.isWaiting(ANYONE)) return
    this.#tunnel = {
      state: 'connecting',
      begunMs: nowMs,
      usage: new Usage(),
      isOutdated: false,
      remote: undefined,
    }
    const addresses = [...this.#remotes.filter((remote) => !this.#useless.includes(remote)), ...this.#useless]
    yield { kind: 'connect', target: ANYONE, addresses }
  }

  /** What the registry knows of peers is of no use here; what else it knows may bring us back. */
  *#askRegistry(view: NetworkView, nowMs: number): Generator<TunnelDecision> {
    if (isConnected(this.#own, this.#settings.registryPrefix, view)) return this.#bootstrap.connected()
    if (this.#bootstrap.begin(!view.reachesAnybody, nowMs)) yield { kind: 'ask-registry', forPeer: false }
  }

  #wasUseless({ remote }: Tunnel): void {
    if (remote) this.#useless = [...this.#useless.filter((other) => other !== remote), remote]
  }

  /** Whether the time has come; if not, it is remembered as one at which to decide. */
  #isDue(atMs: number, nowMs: number): boolean {
    if (nowMs < atMs) this.#wakeMs = Math.min(this.#wakeMs, atMs)
    return nowMs >= atMs
  }
}
