import { execa } from 'execa'
import { expect, it } from 'vitest'
import { HELP, USUAL_PORT } from '../../../demo/options.ts'

it('npm run demo -- --help prints what it can do, and does nothing else', async () => {
  // A path without npm, git or a compiler: whatever it would do first, fails.
  const { stdout, stderr, exitCode } = await execa(process.execPath, ['scripts/demo.mjs', '--help'], {
    env: { PATH: '/nowhere' },
    extendEnv: false,
    stripFinalNewline: false,
  })
  expect({ stdout, stderr, exitCode }).toEqual({ stdout: HELP, stderr: '', exitCode: 0 })
  expect(HELP).toContain(`default ${USUAL_PORT}`)
})
