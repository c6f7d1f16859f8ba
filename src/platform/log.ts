import { type DestinationStream, type Level, type Logger as PinoLogger, pino } from 'pino'
import { fileTroubleOf, Re6stError } from '../core/errors.ts'
import { Listeners } from '../core/listeners.ts'
import { printable } from '../core/values/printable.ts'
import { LogFile } from './log-file.ts'

/** The one logger. Fields go first (`log.info({ peer: '5/16' }, 'tunnel up')`); the names are listed in docs/logging.md. */
export type Logger = Pick<PinoLogger, 'error' | 'warn' | 'info' | 'debug' | 'trace'> & {
  child(fields: Record<string, unknown>): Logger
}

/** Where log lines go and what can be done with it. */
export interface LogOutput {
  readonly logger: Logger
  /** Opens the file anew (logrotate moved it): for SIGUSR1. */
  reopen(): void
  /** Calls `listener` with the text of each warning and error, without its time and end, until disposed of. */
  hearWarnings(listener: (text: string) => void): Disposable
}

/** `-v LEVEL`: 0 none, 1 warning, 2 info, 3 debug, 4 trace. */
const LEVELS: readonly (Level | 'silent')[] = ['silent', 'warn', 'info', 'debug', 'trace']

/**
 * A log of one line per message, for people: `2026-11-23 18:05:01.123 INFO  tunnel up peer=5/16`.
 * @throws Re6stError `FILE` when it cannot be written
 */
export function openLog({ file, verbosity }: { file?: string; verbosity: number }): LogOutput {
  const target = openTarget(file)
  const warned = new Listeners<string>()
  const stream: DestinationStream = {
    write(line) {
      const { level, time, text } = readLine(line)
      const when = new Date(time).toISOString().replace('T', ' ').slice(0, 23)
      const omitted = target.append(`${when} ${NAMES[level] ?? level} ${text}\n`)
      if (level >= WARNING) warned.tell(text)
      if (omitted > 0) logger.warn({ omitted }, 'log lines were lost: they could not be written')
    },
  }
  const level = LEVELS[Math.max(0, Math.min(verbosity, LEVELS.length - 1))] ?? 'info'
  const logger = pino({ level, base: null, timestamp: () => `,"time":${Date.now()}` }, stream)
  const reopen = () => {
    try {
      target.reopen()
    } catch (error) {
      logger.warn({ err: error }, 'the log cannot be opened anew and goes on where it was')
    }
  }
  return { logger, reopen, hearWarnings: (listener) => warned.add(listener) }
}

function openTarget(file: string | undefined): LogFile {
  try {
    return new LogFile(file)
  } catch (error) {
    throw new Re6stError(
      'FILE',
      `the log file ${file} cannot be written: ${fileTroubleOf(error)}, or name another (--help)`,
      { cause: error },
    )
  }
}

const NAMES: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO ',
  40: 'WARN ',
  50: 'ERROR',
  60: 'FATAL',
}

const WARNING = 40

/** What of it is for people: message and fields. */
function readLine(json: string): { readonly level: number; readonly time: number; readonly text: string } {
  const { level, time, msg, err, ...fields } = JSON.parse(json) as Record<string, unknown>
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`)
  if (err !== undefined) {
    const { message, stack, name } = err as { message?: string; stack?: string; name?: string }
    // An error that was foreseen says all in its message.
    const isForeseen = name === 'Re6stError' || Number(level) < 50
    rest.push(`error=${fieldText(isForeseen ? message : (stack ?? message))}`)
  }
  return {
    level: Number(level),
    time: Number(time),
    text: [printable(String(msg ?? '')), ...rest].join(' '),
  }
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const quoted =
    typeof value === 'string' && /[\s"=\p{Cc}]/u.test(text) ? JSON.stringify(text) : (text ?? '-')
  // JSON leaves the controls behind DEL as they are.
  return printable(quoted)
}
