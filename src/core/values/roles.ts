/** What somebody may do with a registry; each may do what the one before may. */
export const ROLES = ['look', 'enrol', 'administer'] as const
export type Role = (typeof ROLES)[number]
