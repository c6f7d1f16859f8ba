/** What machines can be listed in the order of. */
export const MACHINE_SORT_KEYS = [
  'name',
  'email',
  'serial',
  'state',
  'lastSeen',
  'notAfter',
  'version',
  'country',
] as const
