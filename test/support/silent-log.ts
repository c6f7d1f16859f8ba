import { pino } from 'pino'
import type { Logger } from '../../src/platform/log.ts'

/** A log that keeps nothing. */
export const silentLog: Logger = pino({ level: 'silent' })
