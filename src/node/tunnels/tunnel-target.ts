import { ANYONE, type TunnelTarget } from '../../core/tunnels/decisions.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'

/** Whom a tunnel is made to; undefined: whoever answers. */
export const prefixOf = (target: TunnelTarget): Prefix | undefined => (target === ANYONE ? undefined : target)

/** For people. */
export const nameOf = (target: TunnelTarget): string => (target === ANYONE ? ANYONE : subnetNameOf(target))
