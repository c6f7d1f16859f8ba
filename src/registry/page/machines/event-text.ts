import type { MachineEvent } from '../../api/schemas/machines.ts'

/** What happened, for people. */
export function eventText({ kind, detail = '' }: Pick<MachineEvent, 'kind' | 'detail'>): string {
  const certificate = /^\d+$/.test(detail) ? `certificate ${detail}` : detail
  switch (kind) {
    case 'enrolled':
      return certificate === '' ? 'enrolled' : `enrolled, with ${certificate}`
    case 'renewed':
      return certificate === '' ? 'renewed its certificate' : `renewed: has ${certificate} now`
    case 'revoked':
      return certificate === '' ? 'revoked' : `revoked: ${certificate}`
    case 'seen':
      return 'was there again'
    case 'lost':
      return 'was not there any more'
    case 'moved':
      return detail === '' ? 'was seen elsewhere' : `was seen elsewhere: at ${detail}`
  }
}
