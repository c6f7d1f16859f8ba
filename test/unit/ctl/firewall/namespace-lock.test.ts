import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { lockOfNamespace } from '../../../../src/ctl/firewall/namespace-lock.ts'
import { type Processes, systemProcesses } from '../../../../src/platform/processes.ts'
import { temporaryDirectory } from '../../../support/registry.ts'

it('one check at a time has the lock, and the next one when that is done', async () => {
  const directory = temporaryDirectory()
  const first = await lockOfNamespace(systemProcesses, directory)
  let isHeld = false
  const second = lockOfNamespace(systemProcesses, directory).then((lock) => {
    isHeld = true
    return lock
  })
  const third = lockOfNamespace(impatient, directory)
  await expect(third).rejects.toMatchObject({ code: 'SYSTEM' })
  expect(isHeld).toBe(false)
  await first[Symbol.asyncDispose]()
  await (await second)[Symbol.asyncDispose]()
})

it('nobody else can open what is locked', async () => {
  const directory = temporaryDirectory()
  await using _ = await lockOfNamespace(systemProcesses, directory)
  const [file = ''] = readdirSync(directory)
  expect(statSync(join(directory, file)).mode & 0o077).toBe(0)
})

it('is had no longer than whoever had it lives', async () => {
  const directory = temporaryDirectory()
  let kill = () => {}
  await lockOfNamespace(
    {
      start(...how) {
        const running = systemProcesses.start(...how)
        kill = () => running.endInput()
        return running
      },
    },
    directory,
  )
  kill()
  await using _ = await lockOfNamespace(systemProcesses, directory)
})

it('says what is wrong where there can be none', async () => {
  await expect(lockOfNamespace(systemProcesses, '/proc/none')).rejects.toMatchObject({ code: 'DAEMON' })
})

/** Waits for nothing. */
const impatient: Pick<Processes, 'start'> = {
  start: (command, args, options) =>
    systemProcesses.start(
      command,
      args.map((word) => (word === '30' ? '0' : word)),
      options,
    ),
}
