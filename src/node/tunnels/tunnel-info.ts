import type { TunnelProtocol } from '../../core/values/address-list.ts'
import type { Prefix } from '../../core/values/prefix.ts'
import type { UnderlayAddress } from '../transport/transport.ts'

/** A tunnel as the user sees it. */
export interface TunnelInfo {
  readonly direction: 'client' | 'server'
  readonly state: 'connecting' | 'up' | 'failed'
  readonly iface: string
  readonly prefix: Prefix | undefined
  readonly serial: bigint | undefined
  readonly protocol: TunnelProtocol | undefined
  readonly underlay: UnderlayAddress | undefined
  /** Wall clock: when it came to this state. */
  readonly sinceMs: number
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Why it failed. */
  readonly reason: string | undefined
}
