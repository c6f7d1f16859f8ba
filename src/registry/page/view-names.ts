import type { Role } from '../../core/values/roles.ts'

/** The views of administrators, in the order of the menu. */
const VIEWS = [
  'network',
  'machines',
  'invitations',
  'keys',
  'authority',
  'configuration',
  'registry',
  'audit',
  'tokens',
  'administrators',
] as const
export type View = (typeof VIEWS)[number]

/** What each is called. */
export const TITLES: Readonly<Record<View, string>> = {
  network: 'Network',
  machines: 'Machines',
  invitations: 'Invitations',
  keys: 'Keys',
  authority: 'Authority',
  configuration: 'Configuration',
  registry: 'Registry',
  audit: 'Audit log',
  tokens: 'Tokens',
  administrators: 'Administrators',
}

/** What is for the role `administer` only. */
const ADMINISTERED: readonly View[] = ['tokens', 'administrators']

/** What who has this role may look at. */
export const viewsFor = (role: Role): readonly View[] =>
  VIEWS.filter((one) => role === 'administer' || !ADMINISTERED.includes(one))

/** The view of this name; another name: the first one. */
export const viewNamed = (name: string): View => VIEWS.find((one) => one === name) ?? 'network'
