import { AUDIT_ACTIONS, type AuditActionName } from '../../../core/values/audit-actions.ts'
import type { AuditEntry } from '../../api/schemas/audit.ts'
import { countText } from '../parts/numbers.ts'
import { changeText, settingLabel } from '../parts/settings-words.ts'

/** A part of a sentence: words, or what leads elsewhere. */
export type Part =
  | string
  | { readonly machine: string }
  | { readonly view: 'administrators'; readonly text: string }

/** What of an entry is told. */
type Told = Pick<AuditEntry, 'action' | 'subject' | 'detail'>

/** What people call an action, to choose it by. */
export const ACTION_WORDS: Readonly<Record<AuditActionName, string>> = {
  'admin.added': 'administrator added',
  'admin.changed': 'administrator changed',
  'admin.removed': 'administrator removed',
  'authority.changed': 'authority changed',
  'authority.renewed': 'authority renewed',
  'certificate.revoked': 'certificate revoked',
  'configuration.changed': 'configuration changed',
  'database.imported': 'database imported',
  'database.restored': 'database restored',
  'invitation.deleted': 'invitation deleted',
  'invitation.made': 'invitation made',
  'join_token.added': 'token to join added',
  'join_token.deleted': 'token to join deleted',
  'keys.rotated': 'keys rotated',
  'machine.revoked': 'machine revoked',
  'network.made': 'network made',
  'session.begun': 'signed in',
  'session.ended': 'signed out',
  'sessions.ended': 'sessions ended',
  'standby.dropped': 'standby dropped',
  'standby.promoted': 'standby promoted',
  'token.deleted': 'token of a program deleted',
  'token.made': 'token of a program made',
}

/** By the step before it. */
const ROTATIONS: Readonly<Record<string, string>> = {
  idle: 'made a new MAC key, and announced it to the nodes',
  announced: 'had the nodes sign with the new MAC key',
  used: 'had the nodes refuse the old MAC key',
  beginning: 'had the nodes accept the first MAC key only',
}

const METHODS: Readonly<Record<string, string>> = {
  password: 'a password',
  certificate: 'a certificate',
  openid: 'OpenID Connect',
}

const isKnown = (action: string): action is AuditActionName => AUDIT_ACTIONS.some((one) => one === action)

/** What somebody did, as a sentence whose subject is that somebody. */
export function auditSentence(entry: Told): readonly Part[] {
  const { action, subject = '', detail } = entry
  if (!isKnown(action)) return [`${action} ${subject}`.trim()]
  const textOf = (name: string) => textIn(detail, name)
  const administrator: Part = { view: 'administrators', text: subject }
  switch (action) {
    case 'admin.added':
      return ['added the administrator ', administrator, `, with the role ${textOf('role') ?? '?'}`]
    case 'admin.changed':
      return ['changed the administrator ', administrator, `: ${administratorText(detail)}`]
    case 'admin.removed':
      return ['removed the administrator ', administrator]
    case 'authority.changed':
      return [`serves another certificate of the authority${named(textOf('fingerprint'))}`]
    case 'authority.renewed':
      return [`renewed the authority${until(textOf('validUntil'))}${named(textOf('fingerprint'))}`]
    case 'certificate.revoked':
      return [`revoked the certificate ${subject}`]
    case 'configuration.changed':
      return [`changed the configuration: ${changesText(detail)}`]
    case 'database.imported':
      return [`brought the network here from ${textOf('from') ?? 'another database'}`]
    case 'database.restored':
      return [`restored the database from ${textOf('from') ?? 'a backup'}`]
    case 'invitation.deleted':
      return [`deleted the invitation ${subject}`]
    case 'invitation.made':
      return [`invited ${invitedText(detail)} (invitation ${subject})`]
    case 'join_token.added':
      return [`added a token to join${of(textOf('email'))}`]
    case 'join_token.deleted':
      return [`deleted the token to join${of(textOf('email'))}`]
    case 'keys.rotated':
      return [
        `${ROTATIONS[subject] ?? `rotated the MAC keys, from the step ${subject}`}${although(textOf('warning'))}`,
      ]
    case 'machine.revoked':
      return ['revoked the machine ', { machine: subject }, ', with all its certificates']
    case 'network.made':
      return [`made the network ${subject}, ${detail['encrypt'] === true ? 'with' : 'without'} encryption`]
    case 'session.begun':
      return [signInText(textOf('by'), textOf('role'))]
    case 'session.ended':
      return ['signed out']
    case 'sessions.ended':
      return [`ended ${sessionsText(detail['ended'])} of ${subject}`]
    case 'standby.dropped':
      return ['had the registry go on without its standby']
    case 'standby.promoted':
      return [
        `promoted the standby${detail['epoch'] === undefined ? '' : `: epoch ${detail['epoch']} has begun`}`,
      ]
    case 'token.deleted':
      return [`deleted the token ${subject} of a program`]
    case 'token.made':
      return [
        `made the token ${subject} of a program, for ${JSON.stringify(textOf('label') ?? '')}: it may ${textOf('scope') ?? '?'}${until(textOf('end'))}`,
      ]
  }
}

type Detail = Told['detail']

function textIn(detail: Detail, name: string): string | undefined {
  const value = detail[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const named = (fingerprint: string | undefined): string =>
  fingerprint === undefined ? '' : `: ${fingerprint}`
const of = (whom: string | undefined): string => (whom === undefined ? '' : ` of ${whom}`)
const although = (warning: string | undefined): string =>
  warning === undefined ? '' : `, although ${warning}`
/** The day in UTC, as the log has it. */
const until = (end: string | undefined): string => (end === undefined ? '' : `, until ${end.slice(0, 10)}`)

function administratorText(detail: Detail): string {
  const [role, isDisabled] = [textIn(detail, 'role'), detail['isDisabled']]
  const parts = [
    ...(role === undefined ? [] : [`the role ${role}`]),
    // Of a command, only a new password has no more to say.
    isDisabled === undefined ? 'a new password' : isDisabled === true ? 'disabled' : 'not disabled',
  ]
  return parts.join(', ')
}

function changesText(detail: Detail): string {
  const changes = Object.entries(detail).map(([setting, change]) => {
    const [before = '?', after = '?'] = Array.isArray(change) ? change.map(String) : []
    return `${settingLabel(setting)} ${changeText(setting, before, after)}`
  })
  return changes.join('; ')
}

function invitedText(detail: Detail): string {
  const uses = Number(detail['uses'] ?? 1)
  const [called, email, community, end] = ['machineName', 'email', 'community', 'end'].map((name) =>
    textIn(detail, name),
  )
  return [
    countText(uses, 'machine'),
    called === undefined ? '' : ` called ${called}`,
    of(email),
    community === undefined ? '' : `, in the community ${community}`,
    until(end),
  ].join('')
}

function signInText(by: string | undefined, role: string | undefined): string {
  // Of who comes from a provider, the log has the role that it gives.
  if (by === undefined)
    return `signed in with ${METHODS['openid']}${role === undefined ? '' : `, as ${role}`}`
  return `signed in with ${METHODS[by] ?? by}`
}

const sessionsText = (ended: unknown): string =>
  typeof ended === 'number' ? countText(ended, 'session') : 'the sessions'
