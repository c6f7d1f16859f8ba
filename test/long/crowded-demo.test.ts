import process from 'node:process'
import { execa } from 'execa'
import { expect, test } from 'vitest'

/** On two processors that nobody else uses, a minute and a half. */
const DEADLINE_MS = 580_000

// Whoever runs late is told by everybody that it does not answer, which makes it run later: it must not feed itself.
test('the demo with forty nodes on one machine: all reach each other, and find their way around what breaks', async () => {
  const { exitCode, stdout, stderr } = await execa(
    process.execPath,
    ['--import', 'tsx', 'demo/main.ts', '--nodes', '40', '--json', '--port', '0'],
    { reject: false, timeout: DEADLINE_MS, forceKillAfterDelay: 60_000 },
  )
  const summary = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>
  expect(summary, stderr).toMatchObject({ event: 'summary', ok: true, nodes: 41 })
  expect(exitCode).toBe(0)
})
