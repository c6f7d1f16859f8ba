import type { MappedPort, MappingMethodName } from '../../core/port-mapping/mapping.ts'

/** What the gateway does for us now. */
export interface PortMappingState {
  /** Its address on the Internet; undefined: it says that it has none, and the NAT in front of it may send us everything. */
  readonly externalAddress: string | undefined
  readonly gateway: string
  readonly method: MappingMethodName
  /** One for each port that it was asked for. */
  readonly ports: readonly MappedPort[]
}
