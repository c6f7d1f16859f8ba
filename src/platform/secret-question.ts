import { Writable } from 'node:stream'
import { Re6stError } from '../core/errors.ts'
import { openTerminal } from './terminal.ts'

/**
 * Asks for a secret at the terminal, which does not show what is typed.
 * @param question what is asked for, e.g. `Passphrase of ca.key`; written to standard error
 * @throws Re6stError `OPTION` when the terminal is closed instead of answered
 */
export async function askForSecret(question: string): Promise<string> {
  // Who edits the line writes it there, so that nobody sees it.
  const nowhere = new Writable({ write: (_part, _encoding, done) => done() })
  using terminal = openTerminal(nowhere, true)
  process.stderr.write(`${question}: `)
  try {
    return await terminal.ask('')
  } catch (error) {
    throw new Re6stError('OPTION', `no answer for ${question}`, { cause: error })
  } finally {
    process.stderr.write('\n')
  }
}
