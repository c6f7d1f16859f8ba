import type { Grant, MappedPort, MappingMethodName, MappingWish } from '../../core/port-mapping/mapping.ts'
import type { GatewayAnswer } from '../../core/port-mapping/trouble.ts'
import type { Gateway } from './gateway.ts'

/** One of the protocols that gateways speak. Nothing here throws, but for the signal's reason when that is aborted. */
export interface MappingMethod {
  readonly name: MappingMethodName
  /**
   * Looks whether the gateway speaks it.
   * @param nonce shows the gateway that mappings are ours, also after we were killed
   */
  open(gateway: Gateway, nonce: Uint8Array, signal: AbortSignal): Promise<GatewayAnswer<MappingSession>>
}

/** A gateway that answered. */
export interface MappingSession {
  /** Makes a mapping, or renews it, or makes it again when the gateway has forgotten it. */
  map(wish: MappingWish, signal: AbortSignal): Promise<GatewayAnswer<Grant>>
  /** Removes a mapping of ours. Done, too, when there is none. */
  unmap(port: MappedPort, signal: AbortSignal): Promise<GatewayAnswer<undefined>>
  /** Address of the gateway on the Internet, whatever that is. To be asked after `map`. */
  externalAddress(signal: AbortSignal): Promise<GatewayAnswer<string>>
}
