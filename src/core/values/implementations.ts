/** Whose implementation a machine may run. */
export const IMPLEMENTATIONS = ['own', 'python'] as const
export type Implementation = (typeof IMPLEMENTATIONS)[number]

/** The same for people. */
export const IMPLEMENTATION_NAMES: Readonly<Record<Implementation, string>> = {
  own: 'this implementation',
  python: 'the Python implementation',
}
