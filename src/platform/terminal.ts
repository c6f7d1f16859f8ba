import { createInterface } from 'node:readline/promises'
import type { Writable } from 'node:stream'

/** Whether somebody is at the terminal who can be asked. */
export const isAtTerminal = (): boolean => process.stdin.isTTY === true

/** Asks one question after the other. @throws when the terminal is closed instead of answered */
export interface Terminal extends Disposable {
  ask(question: string): Promise<string>
}

/** Reads answers from standard input. @param output where questions and what is typed are shown */
export function openTerminal(output: Writable, isEdited?: true): Terminal {
  const lines = createInterface({
    input: process.stdin,
    output,
    ...(isEdited === undefined ? {} : { terminal: isEdited }),
  })
  const closed = new AbortController()
  lines.once('close', () => closed.abort())
  return {
    ask: (question) => lines.question(question, { signal: closed.signal }),
    [Symbol.dispose]: () => lines.close(),
  }
}
