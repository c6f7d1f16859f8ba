import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { openLog } from '../../../src/platform/log.ts'
import { reopenOnSignal } from '../../../src/platform/main.ts'
import { temporaryDirectory } from '../../support/registry.ts'

it('SIGUSR1 opens log files anew after logrotate has moved them, until they are closed', async () => {
  const file = join(temporaryDirectory(), 'x.log')
  const log = openLog({ file, verbosity: 2 })
  const reopen = vi.spyOn(log, 'reopen')
  {
    using _ = reopenOnSignal(log)
    log.logger.info('before')
    renameSync(file, `${file}.1`)
    process.kill(process.pid, 'SIGUSR1')
    await vi.waitFor(() => expect(reopen).toHaveBeenCalledOnce(), 20_000)
    log.logger.info('after')
  }
  await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toMatch(/ INFO {2}after\n$/), 20_000)
  expect(readFileSync(`${file}.1`, 'utf8')).toMatch(/ INFO {2}before\n$/)
  process.kill(process.pid, 'SIGUSR1')
  await new Promise((resolve) => setImmediate(resolve))
  expect(reopen).toHaveBeenCalledOnce()
})

it('a command ends when all of its output was taken, however slow its reader is', async () => {
  const length = 1_000_000
  const program = `
    import { main } from './src/platform/main.ts'
    const run = () => {
      process.stdout.write('x'.repeat(${length}))
      process.stderr.write('about to end\\n')
      return Promise.resolve(3)
    }
    await main({ name: 'x', read: () => ({ ok: true, value: { kind: 'run', options: {} } }), run })
  `
  const words = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  await once(child.stderr, 'data')
  let read = 0
  child.stdout.on('data', (chunk: Buffer) => {
    read += chunk.length
  })
  expect(await once(child, 'close')).toEqual([3, null])
  expect(read).toBe(length)
})

it('output that cannot be kept is a failure; that nobody reads on is none', async () => {
  const program = `
    import { main } from './src/platform/main.ts'
    const run = async () => {
      process.stdout.write('kept\\n')
      await new Promise(() => setTimeout(() => {}, 60_000))
    }
    await main({ name: 'x', read: () => ({ ok: true, value: { kind: 'run', options: {} } }), run })
  `
  const words = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const full = openSync('/dev/full', 'w')
  const failed = spawn(process.execPath, words, { stdio: ['ignore', full, 'pipe'] })
  closeSync(full)
  let text = ''
  failed.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  expect(await once(failed, 'close')).toEqual([1, null])
  expect(text).toMatch(/^x: standard output cannot be written: ENOSPC/)
  const left = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  left.stdout.destroy()
  expect(await once(left, 'close')).toEqual([0, null])
})

it('what nobody expected is told of with what has caused it', async () => {
  const program = `
    import { main } from './src/platform/main.ts'
    const run = () => Promise.reject(new Error('later', { cause: new Error('the disk is full') }))
    await main({ name: 'x', read: () => ({ ok: true, value: { kind: 'run', options: {} } }), run })
  `
  const words = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  expect(await once(child, 'close')).toEqual([1, null])
  expect(text).toMatch(/^x: unexpected error, please report it: Error: later$/m)
  expect(text).toMatch(/^caused by: Error: the disk is full$/m)
})
