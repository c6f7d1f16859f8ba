import { existsSync } from 'node:fs'
import { DEFAULT_DATABASE } from '../core/options/registry-options.ts'
import { shellWord } from '../core/values/shell-word.ts'
import { commandSocket } from './command-socket.ts'
import { isPostgresUrl } from './database/open-store.ts'

/** Where the services of the package have their files. */
const SERVICE_DIRECTORY = '/etc/re6stnet'
/** What the package brings for each service, whatever starts it. */
const SERVICE_SCRIPTS = '/etc/init.d'
/** Where who installs by npm copies the units. */
const OWN_UNITS = '/etc/systemd/system'
/** What OpenRC makes when it has booted. */
const OPENRC = '/run/openrc'
/** sd_booted(3). */
const SYSTEMD = '/run/systemd/system'
/** Whose mails those of a network are that has no address. */
export const DEFAULT_SENDER = 're6st@localhost'
/** A registry that was just started, on a slow machine. */
const WAIT_SECONDS = 60

/** What a line that starts a daemon depends on. */
export interface Surroundings {
  /** Whether there is such a file or directory. */
  exists(path: string): boolean
}

/** Where the registry is that the node of its machine is for. */
export interface OwnRegistry {
  readonly url: string
  /** As it is started with. */
  readonly database: string
  readonly commandSocket?: string | undefined
}

/** Where the registry of this machine is. */
export const localUrl = (port: number): string => `http://localhost${port === 80 ? '' : `:${port}`}/`

/** The line for a shell in that directory that starts a daemon with its option file there: as a service, where the package has made one. */
export function startLine(
  daemon: 're6st-registry' | 're6stnet',
  directory: string,
  { exists }: Surroundings = { exists: existsSync },
): string {
  const hasScript = exists(`${SERVICE_SCRIPTS}/${daemon}`)
  const hasUnit = exists(SYSTEMD) && (hasScript || exists(`${OWN_UNITS}/${daemon}.service`))
  if (directory !== SERVICE_DIRECTORY || !(hasScript || hasUnit)) return `${daemon} @${daemon}.conf &`
  if (hasUnit) return `systemctl enable --now ${daemon}`
  return exists(OPENRC) ? `rc-update add ${daemon} && rc-service ${daemon} start` : `service ${daemon} start`
}

/** Lines for a shell that make the node of the registry's machine run, which must be the first. */
export function nodeSteps(directory: string, registry: OwnRegistry, email: string): string[] {
  const invite = `re6st-registry invite --token-only --wait ${WAIT_SECONDS} --email ${shellWord(email)}`
  const place = directory === SERVICE_DIRECTORY ? '' : ' --dir .'
  return [
    `cd ${shellWord(directory)}`,
    `re6st join --registry ${registry.url}${place} --token "$(${invite}${whereAsked(registry)})"`,
    startLine('re6stnet', directory),
    're6st status --wait 60',
  ]
}

/** Options of a command that asks it; a URL of PostgreSQL may have a password. */
function whereAsked({ database, commandSocket: given }: OwnRegistry): string {
  if (given === undefined && !isPostgresUrl(database))
    return database === DEFAULT_DATABASE ? '' : ` --db ${shellWord(database)}`
  return ` --command-socket ${shellWord(commandSocket(database, given) ?? '')}`
}
