import { messageOf } from '../../core/errors.ts'
import { ATTEMPT_TIMEOUT_MS } from '../../core/openvpn/arguments.ts'
import { externalAddressOf, remoteEndOf } from '../../core/openvpn/environment.ts'
import { isEndOfConnection, isRefusal } from '../../core/openvpn/failure.ts'
import { type LinkRemote, linkRemoteOf } from '../../core/openvpn/link-remote.ts'
import { managementCommand } from '../../core/openvpn/management-command.ts'
import type { Environment } from '../../core/openvpn/management-reader.ts'
import { receivedBytesIn, Silence, silenceLookMs } from '../../core/openvpn/silence.ts'
import { inBackground } from '../../platform/background.ts'
import { type OpenvpnContext, type OpenvpnMessage, OpenvpnProcess } from './openvpn-process.ts'
import { createTap, type Tap } from './tap.ts'
import type { ClientSpec, ClientTunnel, Traffic } from './transport.ts'

/** Each remote is tried so often, in turns with the others. */
const ATTEMPTS = 3
/** Why an attempt has failed that took too long. */
const OVERDUE = 'the peer answers, but lets nobody in'
/** Pauses after all remotes have failed, once and twice. A peer that starts with us may not listen yet, but soon does. */
const RETRY_MS = [250, 1_750] as const

/**
 * A client tunnel: up at most once, then down for good. OpenVPN asks (`>HOLD`) before each attempt, so it is we who
 * count them, and who see to it that a tunnel that was up is not silently replaced by another.
 *
 *     hold ─► trying ─► up ─► down
 *      ▲        │
 *      └─failed─┴─ too often ─► down
 */
export class OpenvpnClient implements ClientTunnel {
  readonly spec: ClientSpec
  readonly #context: OpenvpnContext
  readonly #process: OpenvpnProcess
  readonly #tap: Tap
  #traffic: Traffic = { receivedBytes: 0, sentBytes: 0 }
  #attempts = 0
  /** Ends an attempt that takes too long; set as long as one lasts. */
  #attemptLimit: Disposable | undefined
  #isOverdue = false
  #remote: LinkRemote | undefined
  #wasUp = false
  #isEnding = false
  readonly #helloIntervalMs: number
  #silenceLook: Disposable | undefined
  #ended = false
  /** Why each remote failed at last. */
  readonly #failures = new Map<string, string>()
  #downReason: string | undefined

  /** Starts it. @param argumentsFor the command line, given the path of the management socket */
  constructor(
    context: OpenvpnContext,
    spec: ClientSpec,
    helloIntervalMs: number,
    argumentsFor: (managementSocket: string) => readonly string[],
  ) {
    this.#context = context
    this.#helloIntervalMs = helloIntervalMs
    this.spec = spec
    this.#tap = createTap(context, spec.iface)
    this.#process = new OpenvpnProcess(context, {
      iface: spec.iface,
      argumentsFor,
      onMessage: (message) => this.#onMessage(message),
      onLog: (text) => this.#onLog(text),
    })
    const reported = this.#process.ended.then((reason) => {
      this.#ended = true
      this.#attemptLimit?.[Symbol.dispose]()
      this.#silenceLook?.[Symbol.dispose]()
      spec.onEvent({ kind: 'down', reason: this.#downReason ?? this.#summary(reason) })
    })
    inBackground(context.log, `the end of ${spec.iface}`, reported)
  }

  get traffic(): Traffic {
    return this.#traffic
  }

  /** Resolves when it is down, and that was reported. */
  get ended(): Promise<unknown> {
    return this.#process.ended
  }

  stop(): Promise<void> {
    this.#downReason ??= 'stopped'
    return this.#process.stop()
  }

  #onLog(text: string): void {
    if (this.#wasUp && isEndOfConnection(text)) return this.#onEnding()
    // Anybody could say so who sees our packets: whether it is true is looked at.
    if (this.#wasUp && isRefusal(text)) return this.spec.onEvent({ kind: 'silent' })
    const remote = linkRemoteOf(text)
    if (!remote || this.#wasUp) return
    this.#remote = remote
    this.spec.onEvent({ kind: 'trying', remote: { address: remote.address, port: remote.port } })
  }

  /** Before its interface goes, which takes the kernel some time. */
  #onEnding(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.spec.onEvent({ kind: 'ending' })
  }

  #onMessage(message: OpenvpnMessage): void {
    switch (message.kind) {
      case 'hold':
        this.#onHold()
        break
      case 'up':
        inBackground(this.#context.log, `bringing up ${this.spec.iface}`, this.#onUp(message.environment))
        break
      case 'traffic':
        this.#traffic = { receivedBytes: message.receivedBytes, sentBytes: message.sentBytes }
        break
      case 'state':
      case 'down':
      case 'client-connect':
      case 'client-reauth':
      case 'client-established':
      case 'client-disconnect':
      case 'client-traffic':
      case 'client-address':
        break
    }
  }

  #onHold(): void {
    let reason = this.#process.takeReason() ?? 'the connection ended'
    this.#attemptLimit?.[Symbol.dispose]()
    if (this.#isOverdue) reason = OVERDUE
    this.#isOverdue = false
    // In TLS 1.3 a server that does not accept a certificate has no way to say so: it hangs up.
    if (!this.#wasUp && reason.startsWith('connection reset')) reason += ' (does it accept our certificate?)'
    const remotes = this.spec.remotes.length
    if (!this.#wasUp && this.#attempts > 0) this.#failures.set(remoteName(this.#remote), reason)
    if (this.#wasUp || this.#attempts >= ATTEMPTS * remotes) {
      this.#downReason ??= this.#summary(reason)
      this.#process.end()
      return
    }
    const pauseMs = this.#attempts % remotes === 0 ? RETRY_MS[this.#attempts / remotes - 1] : undefined
    this.#attempts++
    this.#remote = undefined
    const release = () => {
      if (this.#ended) return
      this.#attemptLimit = this.#context.clock.after(ATTEMPT_TIMEOUT_MS, () => this.#giveUpAttempt())
      this.#process.tell(managementCommand.holdRelease)
    }
    if (pauseMs === undefined) release()
    else this.#context.clock.after(pauseMs, release)
  }

  /** Whoever answers and never finishes keeps us from those who would. */
  #giveUpAttempt(): void {
    if (this.#wasUp || this.#ended) return
    this.#isOverdue = true
    this.#process.tell(managementCommand.tryNext)
  }

  async #onUp(environment: Environment): Promise<void> {
    const end = remoteEndOf(environment)
    if (!end.ok) return this.#process.fail(end.reason)
    const protocol = this.#remote?.protocol
    if (protocol === undefined) return this.#process.fail('openvpn does not tell which remote it reached')
    this.#wasUp = true
    this.#attemptLimit?.[Symbol.dispose]()
    this.#process.takeReason() // of attempts that do not matter any more
    this.#process.expectAnswers()
    try {
      await this.#tap.raise(protocol)
    } catch (error) {
      return this.#process.failToRaise(messageOf(error))
    }
    if (this.#ended || this.#downReason !== undefined) return
    const { peer, underlay } = end.value
    this.spec.onEvent({
      kind: 'up',
      peer,
      remote: { ...underlay, protocol },
      externalAddress: externalAddressOf(environment),
    })
    const silence = new Silence(this.#helloIntervalMs)
    this.#silenceLook = this.#context.clock.every(silenceLookMs(this.#helloIntervalMs), () =>
      inBackground(this.#context.log, `listening to ${this.spec.iface}`, this.#lookForSilence(silence)),
    )
  }

  async #lookForSilence(silence: Silence): Promise<void> {
    const answer = await this.#process.command(managementCommand.loadStats)
    const receivedBytes = answer.ok ? receivedBytesIn(answer.value) : answer
    if (this.#ended || !receivedBytes.ok) return
    if (silence.isSuspicious(receivedBytes.value, this.#context.clock.monotonicMs()))
      this.spec.onEvent({ kind: 'silent' })
  }

  /** One reason if it is the same for all, else one for each remote. */
  #summary(last: string): string {
    if (this.#wasUp) return last
    if (this.#attempts > 0 && this.#remote) this.#failures.set(remoteName(this.#remote), last)
    const reasons = new Set(this.#failures.values())
    if (reasons.size <= 1) return last
    return [...this.#failures]
      .map(([remote, reason]) => (remote === '' ? reason : `${remote}: ${reason}`))
      .join('; ')
  }
}

/** Empty for an attempt that did not get as far as an address. */
const remoteName = (remote: LinkRemote | undefined): string =>
  remote ? `${remote.address},${remote.port},${remote.protocol}` : ''
