import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { Re6stError } from '../core/errors.ts'

/** Whether somebody is at the terminal who can be asked. */
export const canAskForSecret = (): boolean => process.stdin.isTTY === true

/**
 * Asks for a secret at the terminal, which does not show what is typed.
 * @param question what is asked for, e.g. `Passphrase of ca.key`; written to standard error
 * @throws Re6stError `OPTION` when the terminal is closed instead of answered
 */
export async function askForSecret(question: string): Promise<string> {
  // Who edits the line writes it there, so that nobody sees it.
  const nowhere = new Writable({ write: (_part, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  const closed = new AbortController()
  terminal.once('close', () => closed.abort())
  process.stderr.write(`${question}: `)
  try {
    return await terminal.question('', { signal: closed.signal })
  } catch (error) {
    throw new Re6stError('OPTION', `no answer for ${question}`, { cause: error })
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
