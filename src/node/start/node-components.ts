import type { Random } from '../../core/random.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import type { Sysctls } from '../../platform/sysctls.ts'

/** What a node uses of its surroundings. */
export interface NodeComponents {
  readonly processes: Processes
  readonly sysctls: Sysctls
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Why a running node cannot go on as it is: an error, or because it must start again. */
export type NodeEnd = Error | 'restart'
