import { join } from 'node:path'
import type { Logger } from './log.ts'
import { appendLogLine } from './log-file.ts'

/**
 * Appends a line of what a daemon prints to a file of its own. It is opened for each of its few lines: one that logrotate
 * moved needs no signal to be begun anew.
 * @param directory undefined: nowhere
 */
export function keepOutput(directory: string | undefined, name: string, line: string, log: Logger): void {
  if (directory === undefined) return
  try {
    appendLogLine(join(directory, `${name}.log`), line)
  } catch (error) {
    log.debug({ err: error }, `the log of ${name} cannot be written`)
  }
}
