import type { Grant, MappedPort, MappingWish } from '../../core/port-mapping/mapping.ts'
import {
  answersPcpMap,
  decodePcpMap,
  encodePcpAnnounce,
  encodePcpMap,
  GATEWAY_PORT,
  type PcpMapAnswer,
  type PcpMapRequest,
  speaksPcp,
} from '../../core/port-mapping/pcp.ts'
import { type GatewayAnswer, granted, troubled } from '../../core/port-mapping/trouble.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Gateway } from './gateway.ts'
import type { MappingMethod, MappingSession } from './mapping-method.ts'
import { askByUdp } from './udp-question.ts'

/** Speaks the Port Control Protocol (RFC 6887). */
export const pcpMethod = (clock: Clock, port = GATEWAY_PORT): MappingMethod => ({
  name: 'pcp',
  async open(gateway, nonce, signal) {
    const request = encodePcpAnnounce(gateway.localAddress)
    const speaks = await askByUdp({ gateway, port, request, read: speaksPcp, clock }, signal)
    return speaks ? granted(new PcpSession(clock, gateway, port, nonce)) : troubled({ kind: 'silent' })
  },
})

class PcpSession implements MappingSession {
  readonly #clock: Clock
  readonly #gateway: Gateway
  readonly #port: number
  readonly #nonce: Uint8Array
  #externalAddress = ''

  constructor(clock: Clock, gateway: Gateway, port: number, nonce: Uint8Array) {
    this.#clock = clock
    this.#gateway = gateway
    this.#port = port
    this.#nonce = nonce
  }

  async map(wish: MappingWish, signal: AbortSignal): Promise<GatewayAnswer<Grant>> {
    const answer = await this.#ask(wish, signal)
    if (answer === undefined) return troubled({ kind: 'silent' })
    const { outcome } = answer
    if (outcome.kind === 'trouble') return troubled(outcome.trouble)
    // The external address comes with each mapping, and only there.
    this.#externalAddress = outcome.externalAddress
    return granted(outcome)
  }

  async unmap(port: MappedPort, signal: AbortSignal): Promise<GatewayAnswer<undefined>> {
    const answer = await this.#ask({ ...port, leaseSeconds: 0 }, signal)
    if (answer === undefined) return troubled({ kind: 'silent' })
    return answer.outcome.kind === 'trouble' ? troubled(answer.outcome.trouble) : granted(undefined)
  }

  async externalAddress(): Promise<GatewayAnswer<string>> {
    return granted(this.#externalAddress)
  }

  #ask(wish: MappingWish, signal: AbortSignal): Promise<PcpMapAnswer | undefined> {
    const request: PcpMapRequest = {
      ...wish,
      clientAddress: this.#gateway.localAddress,
      nonce: this.#nonce,
    }
    const read = (datagram: Uint8Array) => {
      const answer = decodePcpMap(datagram)
      return answer.ok && answer.value !== 'other-version' && answersPcpMap(answer.value, request)
        ? answer.value
        : undefined
    }
    return askByUdp(
      { gateway: this.#gateway, port: this.#port, request: encodePcpMap(request), read, clock: this.#clock },
      signal,
    )
  }
}
