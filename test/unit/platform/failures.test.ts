import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { systemProcesses } from '../../../src/platform/processes.ts'

/** Longer than any argument may be (128 KiB): `spawn` throws, as it does where there is no memory. */
const TOO_LONG = 'x'.repeat(3_000_000)

/** Runs a module's text in a Node.js of its own, which loads the sources as we do. */
const runModule = (text: string, limits: string) =>
  promisify(execFile)('sh', [
    '-c',
    `${limits}; exec "$0" --import tsx --input-type=module -e "$1"`,
    process.execPath,
    text,
  ])

describe('a program that cannot be started', () => {
  it('because spawn throws, is one that was not started', async () => {
    const running = systemProcesses.start('true', [TOO_LONG])
    expect(await running.ended).toMatchObject({ kind: 'not-started', error: { code: 'E2BIG' } })
    expect(await running.stop()).toMatchObject({ kind: 'not-started' })
    running.signal('SIGTERM')
    await expect(systemProcesses.run('true', [TOO_LONG])).rejects.toMatchObject({ code: 'DAEMON' })
  })

  it('because it is not there, is one that was not started', async () => {
    const { ended } = systemProcesses.start('no-such-program', [])
    expect(await ended).toMatchObject({ kind: 'not-started', error: { code: 'ENOENT' } })
    await expect(systemProcesses.run('no-such-program', [])).rejects.toMatchObject({ code: 'DAEMON' })
  })

  it('because there are no file descriptors, is one that was not started', { timeout: 60_000 }, async () => {
    const sources = new URL('../../../src/platform/processes.ts', import.meta.url).href
    const { stdout } = await runModule(
      `import { openSync, closeSync } from 'node:fs'
      const { systemProcesses } = await import('${sources}')
      const taken = []
      try { for (;;) taken.push(openSync('/dev/null')) } catch {}
      const ended = await systemProcesses.start('true', []).ended
      const failure = await systemProcesses.run('true', []).catch((error) => error)
      for (const fd of taken) closeSync(fd)
      console.log(ended.kind, failure.code, (await systemProcesses.start('true', []).ended).kind)`,
      'ulimit -n 100',
    )
    expect(stdout.trim()).toBe('not-started DAEMON exited')
  })
})

describe('what nobody foresaw', () => {
  for (const [what, statement] of [
    ['an exception', "setImmediate(() => { throw new Error('surprise') })"],
    ['a rejection that nobody hears', "Promise.reject(new Error('surprise'))"],
  ] as const) {
    it(`ends a daemon in order (${what})`, { timeout: 60_000 }, async () => {
      const sources = new URL('../../../src/platform/unexpected.ts', import.meta.url).href
      const { stdout } = await runModule(
        `const { hearUnexpected } = await import('${sources}')
        const clock = { after: () => ({ [Symbol.dispose]() {} }) }
        const log = { error: ({ err }) => console.log('logged', err.message) }
        const end = await new Promise((resolve) => { hearUnexpected({ clock, log }, resolve); ${statement} })
        console.log('undone', end.message)`,
        'true',
      )
      expect(stdout.trim().split('\n')).toEqual(['logged surprise', 'undone surprise'])
    })
  }
})
