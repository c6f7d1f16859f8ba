import { ok, type Result, refuse } from '../../core/result.ts'

/** Of libpq's form of a URL; several servers may be named. */
interface PostgresUrl {
  /** As `postgres://`. */
  readonly scheme: string
  /** With its password and the @, or empty. */
  readonly login: string
  readonly servers: readonly string[]
  /** The name of the database, with a slash before, and the query. */
  readonly path: string
  readonly query: string
}

const SCHEME = /^postgres(?:ql)?:/i
/** Also of another kind of database. */
const ANY_URL = /^[a-z][a-z\d+.-]*:\/\//i
const PARTS = /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([\w.:,%[\]~-]*)(\/[^?#@&=;]*)?(\?[^#@]*)?$/is

const UNREADABLE =
  'is no URL postgres://USER:PASSWORD@HOST/NAME; in a password, / is written %2F, ? %3F, # %23'

/** Whether an option names a database of PostgreSQL rather than a file. */
export const isPostgresUrl = (database: string): boolean => SCHEME.test(database)

/**
 * A part of a password that is not written as it must be in a URL is taken for a host, a path or a query there, of which PostgreSQL and
 * the resolver tell in messages: a URL in which it could be is refused.
 */
function readPostgresUrl(url: string): Result<PostgresUrl> {
  const parts = PARTS.exec(url)
  if (!parts) return refuse(UNREADABLE)
  const [, scheme = '', login = '', hosts = '', path = '', query = ''] = parts
  const read = { scheme, login, servers: hosts.split(','), path, query }
  return urlsOf(read).every(isReadable) ? ok(read) : refuse(UNREADABLE)
}

function isReadable(url: string): boolean {
  try {
    // As the driver does it, where there is no host: that of a socket.
    return new URL(url.replace('@/', '@socket/')).protocol !== ''
  } catch {
    return false
  }
}

const urlsOf = ({ scheme, login, servers, path, query }: PostgresUrl): string[] =>
  servers.map((server) => `${scheme}${login}${server}${path}${query}`)

/** What an operator sees of the name of a database: of a URL what cannot be its password, of a file its path. */
export function withoutPassword(database: string): string {
  if (!isPostgresUrl(database)) {
    const [scheme] = ANY_URL.exec(database) ?? []
    return scheme === undefined ? database : `${scheme}…`
  }
  const read = readPostgresUrl(database)
  if (!read.ok) return 'postgres://…'
  const { scheme, login, servers, path } = read.value
  const [user = ''] = login.split(/[:@]/)
  return `${scheme}${user}${user === '' ? '' : '@'}${servers.join(',')}${path}`
}

/** The URLs of the servers that one names. */
export function serversOf(url: string): Result<string[]> {
  const read = readPostgresUrl(url)
  return read.ok ? ok(urlsOf(read.value)) : read
}
