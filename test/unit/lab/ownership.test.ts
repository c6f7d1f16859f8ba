import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { ownerIsAlive, ownerRecord } from '../../../lab/ownership.ts'

test('a process that runs owns its lab', () => {
  expect(ownerIsAlive(ownerRecord(process.pid))).toBe(true)
})

test('a process that ended owns nothing', async () => {
  const child = spawn('sleep', ['1000'])
  const record = ownerRecord(child.pid ?? 0)
  expect(ownerIsAlive(record)).toBe(true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(ownerIsAlive(record)).toBe(false)
})

test('another process with the same id owns nothing', () => {
  expect(ownerIsAlive(`${process.pid} 1`)).toBe(false)
  expect(ownerIsAlive(`${process.pid}`)).toBe(false)
})
