import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { NodeOptions } from '../../../src/core/options/node-options.ts'
import { ControlServer } from '../../../src/node/control/control-server.ts'
import { runNode } from '../../../src/node/main.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'

it('a start beside a node that runs is refused, and nothing comes into the log of that one', async () => {
  const directory = temporaryDirectory()
  const controlSocket = join(directory, 'control.sock')
  await using running = new ControlServer(controlSocket, silentLog)
  await running.start()
  const log = join(directory, 're6stnet.log')
  writeFileSync(log, 'of the node that runs\n')
  const options: Pick<
    NodeOptions,
    'logDirectory' | 'runDirectory' | 'stateDirectory' | 'controlSocket' | 'verbosity' | 'warnings'
  > = {
    ...{ logDirectory: directory, runDirectory: directory, stateDirectory: directory, controlSocket },
    ...{ verbosity: 4, warnings: ['a warning of the options'] },
  }
  await expect(runNode(options as NodeOptions)).rejects.toMatchObject({ code: 'SYSTEM' })
  expect(readFileSync(log, 'utf8')).toBe('of the node that runs\n')
})
