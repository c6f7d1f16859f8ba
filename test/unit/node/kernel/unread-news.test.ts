import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { leavesNewsUnread } from '../../../../src/node/kernel/unread-news.ts'

it('a process without news, and one that is gone, leave nothing unread', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  expect(await leavesNewsUnread(child.pid ?? 0)).toBe(false)
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
  expect(await leavesNewsUnread(child.pid ?? 0)).toBe(false)
})
