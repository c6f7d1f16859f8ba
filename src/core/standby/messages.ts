import { ok, type Result, refuse } from '../result.ts'
import { encodeFrame, type Frame } from './frames.ts'

/** Which of the two registries of a pair serves the network. */
export type PairRole = 'primary' | 'standby'

/** What a registry says of itself. Each promotion begins an epoch: of two that serve, the one with the later epoch does so rightly. */
export interface PeerState {
  readonly role: PairRole
  readonly epoch: number
}

/** How far a database is: a number for each change, within a generation, in which each change is known. */
export interface Position {
  readonly generation: string
  readonly number: number
}

/** A value of a column, as JSON can say it. */
export type ChangedValue = string | number | null | { readonly integer: string } | { readonly octets: string }

/** A statement that was run, and how many rows it has changed or said: so many it must be elsewhere, too. */
export interface ChangeStatement {
  readonly sql: string
  readonly values: readonly ChangedValue[]
  readonly rows: number
}

/** A transaction that was committed. Its number is one more than that of the one before. */
export interface Change {
  readonly number: number
  readonly statements: readonly ChangeStatement[]
}

/** What a standby says of itself when it begins to follow. */
export interface Following {
  /** Which standby it is: one, for as long as it is one. */
  readonly id: string
  readonly epoch: number
  /** Hash of the public key of the authority: of another network nothing is told. */
  readonly authority: string
  /** Migrations that it knows: what is newer it could not serve. */
  readonly migrations: readonly string[]
  /** Undefined: it has nothing yet. */
  readonly position: Position | undefined
}

/** What the two registries of a pair say to each other. */
export type PeerMessage =
  /** Which are you? */
  | { readonly kind: 'ask' }
  | { readonly kind: 'state'; readonly state: PeerState }
  /** Of a standby: tell me the changes. */
  | { readonly kind: 'follow'; readonly following: Following }
  | { readonly kind: 'refused'; readonly reason: string }
  /** A whole database comes, in parts of so many octets together. */
  | { readonly kind: 'copy'; readonly position: Position; readonly length: number }
  | { readonly kind: 'change'; readonly change: Change }
  /** Of the primary, when there is nothing else to say. */
  | { readonly kind: 'alive' }
  /** Of a standby: everything up to this number survives a power cut. */
  | { readonly kind: 'stored'; readonly number: number }

/** A message as it is sent. */
export const encodeMessage = (message: PeerMessage): Buffer =>
  encodeFrame({ kind: 'message', content: Buffer.from(JSON.stringify(message)) })

/** Reads a message of the other registry. */
export function decodeMessage({ content }: Frame): Result<PeerMessage> {
  let value: unknown
  try {
    value = JSON.parse(content.toString('utf8'))
  } catch {
    return refuse('a message that is no JSON')
  }
  if (!isRecord(value)) return refuse('a message that is no object')
  const message = messageOf(value)
  return message
    ? ok(message)
    : refuse(`a message ${JSON.stringify(value['kind'])?.slice(0, 40)} that is not understood`)
}

const MAX_NAME_LENGTH = 200

type Fields = Readonly<Record<string, unknown>>

function messageOf(value: Fields): PeerMessage | undefined {
  switch (value['kind']) {
    case 'ask':
    case 'alive':
      return { kind: value['kind'] }
    case 'state': {
      const state = value['state']
      if (!isRecord(state)) return undefined
      const { role, epoch } = state
      return (role === 'primary' || role === 'standby') && isCount(epoch)
        ? { kind: 'state', state: { role, epoch } }
        : undefined
    }
    case 'follow': {
      const following = followingOf(value['following'])
      return following && { kind: 'follow', following }
    }
    case 'refused':
      return typeof value['reason'] === 'string' ? { kind: 'refused', reason: value['reason'] } : undefined
    case 'copy': {
      const position = positionOf(value['position'])
      const length = value['length']
      return position && isCount(length) ? { kind: 'copy', position, length } : undefined
    }
    case 'change': {
      const change = changeOf(value['change'])
      return change && { kind: 'change', change }
    }
    case 'stored':
      return isCount(value['number']) ? { kind: 'stored', number: value['number'] } : undefined
    default:
      return undefined
  }
}

function followingOf(value: unknown): Following | undefined {
  if (!isRecord(value)) return undefined
  const { id, epoch, authority, migrations } = value
  const position = value['position'] === undefined ? undefined : positionOf(value['position'])
  if (value['position'] !== undefined && !position) return undefined
  return isName(id) && isCount(epoch) && isName(authority) && isArray(migrations, isName)
    ? { id, epoch, authority, migrations, position }
    : undefined
}

function positionOf(value: unknown): Position | undefined {
  if (!isRecord(value)) return undefined
  const { generation, number } = value
  return isName(generation) && isCount(number) ? { generation, number } : undefined
}

function changeOf(value: unknown): Change | undefined {
  if (!isRecord(value)) return undefined
  const { number, statements } = value
  return isCount(number) && isArray(statements, isStatement) ? { number, statements } : undefined
}

const isStatement = (value: unknown): value is ChangeStatement =>
  isRecord(value) &&
  typeof value['sql'] === 'string' &&
  isCount(value['rows']) &&
  Array.isArray(value['values']) &&
  value['values'].every(isChangedValue)

const isChangedValue = (value: unknown): value is ChangedValue =>
  value === null ||
  typeof value === 'string' ||
  typeof value === 'number' ||
  (isRecord(value) &&
    ((typeof value['integer'] === 'string' && /^-?\d{1,19}$/.test(value['integer'])) ||
      (typeof value['octets'] === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value['octets']))))

const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_NAME_LENGTH
const isArray = <T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] =>
  Array.isArray(value) && value.every(isItem)
