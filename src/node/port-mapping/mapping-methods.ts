import type { Clock } from '../../platform/clock.ts'
import type { MappingMethod } from './mapping-method.ts'
import { natPmpMethod } from './nat-pmp-method.ts'
import { pcpMethod } from './pcp-method.ts'
import { upnpMethod } from './upnp-method.ts'

/** All that gateways speak, the preferred ones first. */
export const mappingMethods = (clock: Clock): readonly MappingMethod[] => [
  pcpMethod(clock),
  natPmpMethod(clock),
  upnpMethod(clock),
]
