import type { Role } from '../../../core/values/roles.ts'

/** What who has a role may do, behind `may`. */
export const ROLE_WORDS: Readonly<Record<Role, string>> = {
  look: 'see everything, and change nothing',
  enrol: 'see everything, and invite machines',
  administer: 'do everything: also revoke machines, rotate keys, configure, and add administrators',
}

/** The same of all roles in short, below where one of them is chosen. */
export const ROLE_HINT = 'look: see everything; enrol: also invite; administer: everything'
