import { inwardNeeds } from './inward.ts'
import { outwardNeeds } from './outward.ts'
import { type Permission, permissionsOfNeeds } from './permission.ts'
import type { Surroundings } from './surroundings.ts'
import { forwardingNeeds } from './through.ts'

/** Everything that a firewall must let through for a node with these options, a rule for each; none is superfluous. */
export const permissionsOf = (surroundings: Surroundings): readonly Permission[] =>
  permissionsOfNeeds([
    ...inwardNeeds(surroundings),
    ...forwardingNeeds(surroundings),
    ...outwardNeeds(surroundings),
  ])
