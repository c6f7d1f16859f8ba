import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { systemProcesses } from '../../../src/platform/processes.ts'

/** The process group that signals of a terminal go to (proc(5), stat). */
const groupOf = (pid: number | undefined): number =>
  Number(
    readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[2],
  )

describe('a daemon that we start', () => {
  it('is not in our process group: Ctrl-C is for us, who stop it in order', async () => {
    const child = systemProcesses.start('sleep', ['60'], { dieWithParent: true })
    expect(groupOf(child.pid)).toBe(child.pid)
    expect(groupOf(child.pid)).not.toBe(groupOf(process.pid))
    expect(await child.stop()).toEqual({ kind: 'killed', signal: 'SIGTERM' })
  })
})

describe('a short command', () => {
  it('fails with one line that says why, and not with the program that it was given', async () => {
    const program = 'echo nothing\necho because of this >&2; exit 3'
    await expect(systemProcesses.run('sh', ['-c', program, 'sh', 'word'])).rejects.toThrow(
      /^sh -c … sh word: because of this \(exit status 3\)$/,
    )
  })
})
