/** How a machine is, as its registry sees it. Of several that are true, the one that needs somebody most. */
export const MACHINE_STATES = ['online', 'offline', 'expiring', 'never-seen', 'outdated', 'revoked'] as const
/** With fewer days left, a certificate should have been renewed by its machine: that is expiring. */
export const EXPIRING_DAYS = 30
export type MachineState = (typeof MACHINE_STATES)[number]
