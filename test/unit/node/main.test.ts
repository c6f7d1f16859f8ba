import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { NodeOptions } from '../../../src/core/options/node-options.ts'
import { ControlServer } from '../../../src/node/control/control-server.ts'
import { runNode } from '../../../src/node/main.ts'
import type { RunningNode } from '../../../src/node/node.ts'
import { CleanUp } from '../../../src/platform/clean-up.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'

function optionsIn(directory: string): NodeOptions {
  const options: Pick<
    NodeOptions,
    'logDirectory' | 'runDirectory' | 'stateDirectory' | 'controlSocket' | 'verbosity' | 'warnings'
  > = {
    ...{ logDirectory: directory, runDirectory: directory, stateDirectory: directory },
    ...{
      controlSocket: join(directory, 'control.sock'),
      verbosity: 4,
      warnings: ['a warning of the options'],
    },
  }
  return options as NodeOptions
}

it('a start beside a node that runs is refused, and nothing comes into the log of that one', async () => {
  const directory = temporaryDirectory()
  const options = optionsIn(directory)
  await using running = new ControlServer(options.controlSocket, silentLog)
  await running.start()
  const log = join(directory, 're6stnet.log')
  writeFileSync(log, 'of the node that runs\n')
  await expect(runNode(options)).rejects.toMatchObject({ code: 'SYSTEM' })
  expect(readFileSync(log, 'utf8')).toBe('of the node that runs\n')
})

describe('what cannot be undone', () => {
  const FAILURE = new Error('a route stays')
  const logOf = (directory: string) => readFileSync(join(directory, 're6stnet.log'), 'utf8')

  it('is in the log when a node that ran is stopped', async () => {
    const directory = temporaryDirectory()
    const node: RunningNode = {
      ended: new Promise(() => {}),
      status: () => {
        setImmediate(() => process.emit('SIGTERM', 'SIGTERM'))
        return 'fine'
      },
      [Symbol.asyncDispose]: () => Promise.reject(FAILURE),
    }
    expect(await runNode(optionsIn(directory), async () => node)).toBe(0)
    expect(logOf(directory)).toContain(FAILURE.message)
  })

  it('is in the log when a start is broken off, and that it was broken off is no failure', async () => {
    for (const failing of [true, false]) {
      const directory = temporaryDirectory()
      const status = await runNode(optionsIn(directory), async (_options, _components, signal) => {
        await using cleanUp = new CleanUp()
        if (failing) cleanUp.defer(() => Promise.reject(FAILURE))
        process.emit('SIGTERM', 'SIGTERM')
        signal.throwIfAborted()
        throw new Error('it goes on all the same')
      })
      expect(status).toBe(0)
      expect(logOf(directory).includes(FAILURE.message)).toBe(failing)
      expect(logOf(directory).includes('not everything')).toBe(failing)
    }
  })
})
