import type { ConfOptions } from '../core/options/conf-options.ts'
import { RegistryClient } from '../platform/registry-client.ts'
import { NodeDirectory } from './node-directory.ts'
import { terminalQuestions } from './questions.ts'
import { setUp } from './set-up.ts'

/**
 * Runs `re6st-conf`.
 * @returns the exit status
 * @throws Re6stError what is wrong and what to do
 */
export const runConf = (options: ConfOptions): Promise<number> =>
  setUp(options, {
    registry: new RegistryClient(options.registry.href),
    directory: new NodeDirectory(options.directory),
    questions: terminalQuestions,
    print: (line) => process.stdout.write(`${line}\n`),
    warn: (line) => process.stderr.write(`${line}\n`),
    now: Date.now,
  })
