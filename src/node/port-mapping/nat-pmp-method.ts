import type { Grant, MappedPort, MappingWish } from '../../core/port-mapping/mapping.ts'
import {
  decodeNatPmp,
  encodeNatPmpAddress,
  encodeNatPmpMapping,
  type NatPmpAnswer,
} from '../../core/port-mapping/nat-pmp.ts'
import { GATEWAY_PORT } from '../../core/port-mapping/pcp.ts'
import { type GatewayAnswer, granted, troubled } from '../../core/port-mapping/trouble.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Gateway } from './gateway.ts'
import type { MappingMethod, MappingSession } from './mapping-method.ts'
import { askByUdp } from './udp-question.ts'

/** Speaks the NAT Port Mapping Protocol (RFC 6886). */
export const natPmpMethod = (clock: Clock, port = GATEWAY_PORT): MappingMethod => ({
  name: 'nat-pmp',
  async open(gateway, _nonce, signal) {
    const session = new NatPmpSession(clock, gateway, port)
    const address = await session.externalAddress(signal)
    return !address.ok && address.trouble.kind === 'silent' ? address : granted(session)
  },
})

class NatPmpSession implements MappingSession {
  readonly #clock: Clock
  readonly #gateway: Gateway
  readonly #port: number

  constructor(clock: Clock, gateway: Gateway, port: number) {
    this.#clock = clock
    this.#gateway = gateway
    this.#port = port
  }

  async externalAddress(signal: AbortSignal): Promise<GatewayAnswer<string>> {
    const answer = await this.#ask(
      encodeNatPmpAddress(),
      (one) => one.kind === 'address' || (one.kind === 'trouble' && one.about === 'address'),
      signal,
    )
    if (answer?.kind === 'address') return granted(answer.externalAddress)
    return troubled(answer?.kind === 'trouble' ? answer.trouble : { kind: 'silent' })
  }

  async map(wish: MappingWish, signal: AbortSignal): Promise<GatewayAnswer<Grant>> {
    const answer = await this.#ask(
      encodeNatPmpMapping(wish),
      (one) =>
        (one.kind === 'mapped' && one.protocol === wish.protocol && one.internalPort === wish.internalPort) ||
        (one.kind === 'trouble' && one.about === wish.protocol),
      signal,
    )
    if (answer?.kind === 'mapped') return granted(answer)
    return troubled(answer?.kind === 'trouble' ? answer.trouble : { kind: 'silent' })
  }

  async unmap(port: MappedPort, signal: AbortSignal): Promise<GatewayAnswer<undefined>> {
    const answer = await this.map({ ...port, externalPort: 0, leaseSeconds: 0 }, signal)
    return answer.ok ? granted(undefined) : answer
  }

  #ask(
    request: Uint8Array,
    isAnswer: (answer: NatPmpAnswer) => boolean,
    signal: AbortSignal,
  ): Promise<NatPmpAnswer | undefined> {
    const read = (datagram: Uint8Array) => {
      const answer = decodeNatPmp(datagram)
      return answer.ok && isAnswer(answer.value) ? answer.value : undefined
    }
    return askByUdp({ gateway: this.#gateway, port: this.#port, request, read, clock: this.#clock }, signal)
  }
}
