import type { MachineState } from '../../../core/values/machine-states.ts'

/** How people call the states of machines. */
export const STATE_WORDS: Readonly<Record<MachineState, string>> = {
  online: 'online',
  offline: 'offline',
  expiring: 'expiring',
  'never-seen': 'never seen',
  outdated: 'outdated',
  revoked: 'revoked',
}

/** What they mean; of several that are true, the one that needs somebody most is shown. */
export const STATE_MEANINGS: Readonly<Record<MachineState, string>> = {
  online: 'there is a route to it',
  offline: 'it was seen, and there is no route to it now',
  expiring: 'its certificate ends within 30 days, or has ended',
  'never-seen': 'it has not called since it joined',
  outdated: 'its version is older than that of the registry',
  revoked: 'its certificate is revoked',
}
