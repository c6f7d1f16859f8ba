import type { PairState } from '../../api/schemas/standby.ts'

/** Whether nothing can be given, because the standby does not have everything. */
export const isWaiting = ({ role, isRegistered, connection }: PairState): boolean =>
  role === 'primary' && isRegistered && connection !== 'current'

/** How the standby is, in a sentence. */
export function standbyText({ role, connection, isRegistered, behind = 0 }: PairState): string {
  if (role === 'alone')
    return 'There is none. What is in a file of SQLite is nowhere else then, but in backups; PostgreSQL has standbys of its own.'
  switch (connection) {
    case 'away':
      return isRegistered ? 'It is away.' : 'It is away, and is not waited for.'
    case 'copying':
      return 'It is connected, and does not have everything yet.'
    case 'current':
      return behind > 0
        ? `It is connected, and has everything but the last ${behind === 1 ? 'change' : `${behind} changes`}.`
        : 'It is connected, and has everything.'
  }
}
