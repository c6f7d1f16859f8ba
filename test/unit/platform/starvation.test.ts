import { spawn } from 'node:child_process'
import { expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { isStarved } from '../../../src/platform/starvation.ts'

it('a process that wants a processor is starved; one that sleeps, is stopped or is gone is not', async () => {
  const wait = { what: 'its state', deadlineMs: 20_000 }
  const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
  await waitFor(() => isStarved(busy.pid), wait)
  busy.kill('SIGSTOP')
  await waitFor(async () => !(await isStarved(busy.pid)), wait)
  const gone = new Promise((resolve) => busy.once('exit', resolve))
  busy.kill('SIGKILL')
  await gone
  expect(await isStarved(busy.pid)).toBe(false)

  const asleep = spawn('sleep', ['60'], { stdio: 'ignore' })
  await waitFor(async () => !(await isStarved(asleep.pid)), wait)
  asleep.kill()
})
