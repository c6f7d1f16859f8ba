import { messageOf, Re6stError } from '../../core/errors.ts'
import { isIpv6Protocol, type PeerAddress } from '../../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import type { ClientEvent, ClientTunnel } from '../transport/transport.ts'
import { NO_ANSWER } from './client-tunnels.ts'
import type { TunnelComponents, TunnelLimits } from './components.ts'
import type { TunnelInfo } from './tunnel-info.ts'

/** Interface of the only tunnel. */
const IFACE = 're6stnet'
/** Delays of trying all remotes again. */
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 60_000

/** What the single tunnel needs. */
type SingleClientComponents = Pick<
  TunnelComponents,
  'transport' | 'router' | 'clock' | 'log' | 'onExternalAddress' | 'isNeighbourThere'
>

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

/** `--client`: no server, and one tunnel to whichever of these remotes answers, made again whenever it ends. */
export class SingleClient implements AsyncDisposable {
  readonly #components: SingleClientComponents
  readonly #limits: Pick<TunnelLimits, 'isRevoked'>
  readonly #remotes: readonly PeerAddress[]
  #tunnel: ClientTunnel | undefined
  #info: Omit<TunnelInfo, 'receivedBytes' | 'sentBytes'>
  #retry: Disposable | undefined
  #delayMs = RETRY_MIN_MS
  #isStopping = false
  #isChecked = false

  constructor(
    components: SingleClientComponents,
    limits: Pick<TunnelLimits, 'isRevoked'>,
    remotes: readonly PeerAddress[],
  ) {
    this.#components = components
    this.#limits = limits
    this.#remotes = remotes
    this.#info = this.#notUp('connecting')
  }

  start(): void {
    this.#retry = undefined
    this.#info = this.#notUp('connecting')
    const { transport } = this.#components
    this.#tunnel = transport.connect({
      iface: IFACE,
      prefix: undefined,
      remotes: this.#remotes,
      onEvent: (event) => this.#event(event),
    })
  }

  /** The tunnel, as the user sees it. */
  list(): TunnelInfo[] {
    const { receivedBytes = 0, sentBytes = 0 } = this.#tunnel?.traffic ?? {}
    return [{ ...this.#info, receivedBytes, sentBytes }]
  }

  /** The peer, while the tunnel is up. */
  peers(): Prefix[] {
    return this.#info.state === 'up' && this.#info.prefix !== undefined ? [this.#info.prefix] : []
  }

  /** The network has new revocations: the tunnel ends if its peer is among them. */
  endRevoked(): void {
    if (this.#info.serial !== undefined && this.#limits.isRevoked(this.#info.serial))
      void this.#tunnel?.stop()
  }

  /** Ends the tunnel if its peer does not answer. */
  check(): void {
    this.#background(this.#check())
  }

  /** The connection of this machine is another one: the tunnel is made at once, or anew if nobody answers. */
  networkChanged(): void {
    this.#delayMs = RETRY_MIN_MS
    if (this.#retry) {
      this.#retry[Symbol.dispose]()
      return this.start()
    }
    if (this.#info.state === 'connecting') this.#background(this.#tunnel?.stop() ?? Promise.resolve())
    this.check()
  }

  async #check(): Promise<void> {
    const { router, log, isNeighbourThere } = this.#components
    const tunnel = this.#tunnel
    const neighbour = router.neighbours.find(({ iface }) => iface === IFACE)
    if (this.#isChecked || !neighbour) return
    this.#isChecked = true
    const isThere = await isNeighbourThere(IFACE, neighbour.address)
    this.#isChecked = false
    if (isThere || this.#tunnel !== tunnel || this.#info.state !== 'up') return
    log.info({ iface: IFACE, reason: NO_ANSWER }, 'closing tunnel')
    await tunnel?.stop()
  }

  #event(event: ClientEvent): void {
    const { clock, log, router } = this.#components
    switch (event.kind) {
      case 'trying':
        return
      case 'up': {
        const { peer, remote } = event
        if (this.#limits.isRevoked(peer.serial)) return void this.#tunnel?.stop()
        this.#delayMs = RETRY_MIN_MS
        this.#info = {
          ...this.#info,
          state: 'up',
          ...peer,
          protocol: remote.protocol,
          underlay: remote,
          sinceMs: clock.now(),
        }
        log.info(
          {
            peer: subnetNameOf(peer.prefix),
            iface: IFACE,
            protocol: remote.protocol,
            underlay: remote.address,
          },
          'tunnel up',
        )
        this.#background(router.addInterface(IFACE, 'tunnel'))
        return this.#components.onExternalAddress(IFACE, event.externalAddress)
      }
      case 'silent':
        return this.check()
      case 'down': {
        log.info({ iface: IFACE, reason: event.reason, retryMs: this.#delayMs }, 'tunnel down')
        if (this.#info.state === 'up') this.#background(router.removeInterface(IFACE))
        this.#components.onExternalAddress(IFACE, undefined)
        this.#info = { ...this.#notUp('failed'), reason: event.reason }
        if (this.#isStopping) return
        this.#retry = clock.after(this.#delayMs, () => this.start())
        this.#delayMs = Math.min(2 * this.#delayMs, RETRY_MAX_MS)
      }
    }
  }

  #notUp(state: 'connecting' | 'failed'): Omit<TunnelInfo, 'receivedBytes' | 'sentBytes'> {
    const sinceMs = this.#components.clock.now()
    const unknown = {
      prefix: undefined,
      serial: undefined,
      protocol: undefined,
      underlay: undefined,
      reason: undefined,
    }
    return { direction: 'client', state, iface: IFACE, sinceMs, ...unknown }
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) =>
      this.#components.log.warn({ reason: messageOf(error) }, `routing over ${IFACE} failed`),
    )
  }

  /** No more attempts; the transport ends the tunnel. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true
    this.#retry?.[Symbol.dispose]()
  }
}
