import type { Primary } from '../standby/primary.ts'
import type { PairState } from './schemas/standby.ts'
import { timeOf } from './time.ts'

/** What is told of a pair by the registry that serves. */
export interface PairComponents {
  /** Undefined: there is no other. */
  readonly primary: Primary | undefined
}

/** How the pair is. */
export function pairState({ primary }: PairComponents): PairState {
  if (!primary) return { role: 'alone', epoch: 0, connection: 'away', isRegistered: false }
  const { epoch, connection, isRegistered, sinceUnixSeconds, behind } = primary.state
  return {
    ...{ role: 'primary', epoch, connection, isRegistered },
    ...(sinceUnixSeconds === undefined ? {} : { since: timeOf(sinceUnixSeconds) }),
    ...(behind === undefined ? {} : { behind }),
  }
}
