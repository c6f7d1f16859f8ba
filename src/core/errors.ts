/**
 * Every failure that a user can meet, by code: what kind of trouble it is. The message says what happened and what
 * to do; operators search for the code.
 */
export type ErrorCode =
  /** An option, or a combination of options, that makes no sense. Exit status 2. */
  | 'OPTION'
  /** A file that is missing, unreadable, not writable, or does not hold what it should. */
  | 'FILE'
  /** A certificate, key or CA that does not match, is expired, revoked or foreign. */
  | 'CERTIFICATE'
  /** The registry does not answer, or answers something else than expected. */
  | 'REGISTRY'
  /** The registry answered that it will not do this. */
  | 'REFUSED'
  /** A daemon (openvpn, babeld) that is missing, too old, or does not do what it should. */
  | 'DAEMON'
  /** The kernel or the machine lacks something: privileges, a device, a feature, a free port. */
  | 'SYSTEM'
  /** The network's configuration does not let this node run (protocol too old). */
  | 'PROTOCOL'
  /** No prefix of the wanted length is left. */
  | 'EXHAUSTED'
  /** Something asked for that does not exist. */
  | 'NOT_FOUND'
  /** Something that exists already. */
  | 'CONFLICT'

/** What to do where only root may. The same words everywhere: people look for what differs. */
export const AS_ROOT = 'run it as root (sudo)'

/** The exit status of a command that ends with an error: 2 for a mistake in an option, 1 for anything else. */
export const exitStatusOf = (error: unknown): 1 | 2 =>
  error instanceof Re6stError && error.code === 'OPTION' ? 2 : 1

/** The one error class: a code for programs, one clear line for people, and the cause. */
export class Re6stError extends Error {
  override readonly name = 'Re6stError'
  readonly code: ErrorCode

  /** @param message one line that says what is wrong and what to do about it, without a full stop */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Why something cannot be read or written, and what to do where that is a matter of permission. */
export const fileTroubleOf = (error: unknown): string =>
  codeOf(error) === 'EACCES' ? `no permission: ${AS_ROOT}` : messageOf(error)

/** Why nothing can be made under the name of a file, or opened, and what to do. */
export function nameTroubleOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return 'its directory is not there: make it, or give another name'
    case 'ENOTDIR':
      return 'it is inside of what is no directory: give another name'
    case 'EISDIR':
      return 'it is a directory: name a file in it'
    default:
      return fileTroubleOf(error)
  }
}

/** Why a file cannot be read. @param directory which a relative path counts from; undefined: it is none */
export function readTroubleOf(error: unknown, directory?: string): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return directory === undefined ? 'no such file' : `no such file in ${directory}`
    case 'EISDIR':
      return 'it is a directory'
    default:
      return fileTroubleOf(error)
  }
}

/** The code that Node.js, SQLite or PostgreSQL gives an error; empty: it has none. */
export const codeOf = (error: unknown): string =>
  String((error as { readonly code?: unknown } | undefined)?.code ?? '')

/** The message of anything that was thrown, on one line. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' ')
