import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../../../src/core/options/command-line.ts'
import { NODE_COMMAND, nodeOptions } from '../../../../src/core/options/node-options.ts'
import { ok, refuse } from '../../../../src/core/result.ts'
import { vectors } from '../../../support/vectors.ts'

interface Recorded {
  readonly arguments: readonly string[]
  readonly 't.conf'?: string
  readonly exit: number
  readonly stderr_last: string | null
  readonly traceback: boolean
}
const recorded = vectors<{ node: Recorded[] }>('commands.json').node

/** What the recorded cases ran with. */
const OPTION_FILE = 'registry http://127.0.0.1/\nca ca.crt\ncert cert.crt\nkey cert.key\npp 1194 tcp\n'

const EXPRESSION_ONLY = 'the status is that of the expression: no file but those with options is read'
const NO_CODE = 'an expression looks at options, and runs nothing; a mistake in an option is status 2'

/** Where ours is better, and how. */
const BETTER: Readonly<Record<string, { readonly why: string; readonly exit: number }>> = {
  nonesuch: { why: 'a mistake in an option is status 2, and no status of an expression', exit: 2 },
  '1 +': { why: 'the same', exit: 2 },
  "__import__('os').getpid() > 0": { why: NO_CODE, exit: 2 },
  "openvpn_args[-1].endswith('cert.key')": { why: NO_CODE, exit: 2 },
  'cert missing.crt': { why: EXPRESSION_ONLY, exit: 0 },
  'key missing.key': { why: EXPRESSION_ONLY, exit: 0 },
  'cert foreign.crt': { why: EXPRESSION_ONLY, exit: 0 },
  'cert not-yet-valid.crt': { why: EXPRESSION_ONLY, exit: 0 },
  'cert cert.key': { why: EXPRESSION_ONLY, exit: 0 },
  'key cert.crt': { why: EXPRESSION_ONLY, exit: 0 },
}

const nameOf = ({ arguments: args, 't.conf': file }: Recorded): string =>
  [...args, ...(file?.split('\n').slice(2, 4) ?? [])].join(' ') || '(nothing)'

/** Exit status and last line on standard error of a command line that starts no node. */
function outcomeOf({ arguments: args, 't.conf': file }: Recorded): [status: number, line: string | null] {
  const read = readCommandLine(NODE_COMMAND, nodeOptions, args, (path) => {
    if (path === 't.conf' && file !== undefined) return ok(file)
    return path === 're6stnet.conf' ? ok(OPTION_FILE) : refuse('no such file')
  })
  if (!read.ok) return [2, read.reason]
  switch (read.value.kind) {
    case 'test':
      return [read.value.status, read.value.message ?? null]
    case 'help':
    case 'version':
      return [0, null]
    case 'run':
      throw new Error('a node would start')
  }
}

describe('re6stnet without starting, as recorded', () => {
  it.each(recorded.map((one) => ({ ...one, name: nameOf(one) })))('$name', (one) => {
    const [status, line] = outcomeOf(one)
    const better = Object.entries(BETTER).find(([part]) => one.name.includes(part))?.[1]
    expect(status, line ?? '').toBe(better?.exit ?? one.exit)
    // What a script may read is the value of an expression, not the words of a failure.
    if (!one.traceback && better === undefined && status < 2) expect(line).toBe(one.stderr_last)
  })
})
