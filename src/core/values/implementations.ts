/** Whose implementation a machine may run. */
export const IMPLEMENTATIONS = ['own', 'python'] as const
export type Implementation = (typeof IMPLEMENTATIONS)[number]
