import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../../support/registry.ts'

const SERVICES = [
  { name: 're6stnet', script: 're6stnet.init' },
  { name: 're6st-registry', script: 're6stnet.re6st-registry.init' },
] as const

/** What Debian's `/lib/lsb/init-functions` has, as far as it is used; it prints the same. */
const LSB = `
log_daemon_msg() { printf '%s: %s' "$1" "$2"; }
log_progress_msg() { printf ' %s' "$*"; }
log_end_msg() { [ "$1" -eq 0 ] && echo . || echo ' failed!'; return "$1"; }
log_success_msg() { echo "$*"; }
log_failure_msg() { echo "$* failed!"; }
`

/** A script of the package in a place where its service is installed and has no option file. */
function installed({ name, script }: (typeof SERVICES)[number]) {
  const directory = temporaryDirectory()
  const text = readFileSync(`packaging/debian/${script}`, 'utf8')
    .replace(/^DAEMON=.*$/m, 'DAEMON=/bin/true')
    .replace(/^CONFIGURATION=.*$/m, `CONFIGURATION=${directory}/$NAME.conf`)
    .replace(/^PIDFILE=.*$/m, `PIDFILE=${directory}/$NAME.pid`)
    .replace(/^CONSOLE=.*$/m, `CONSOLE=${directory}/$NAME.console`)
    .replace(/^\. \/lib\/lsb\/init-functions$/m, () => LSB)
  const file = join(directory, name)
  writeFileSync(file, text)
  const run = async (action: string, env: Readonly<Record<string, string>> = {}) => {
    const { exitCode, stdout } = await execa('sh', [file, action], {
      ...{ reject: false, extendEnv: false },
      env: { PATH: process.env['PATH'] ?? '', ...env },
    })
    return { exitCode, stdout }
  }
  return { run, optionFile: join(directory, `${name}.conf`) }
}

describe.each(SERVICES)('service $name without its option file', (service) => {
  it('says that it is missing, and does not succeed, when somebody starts it', async () => {
    const { run, optionFile } = installed(service)
    for (const action of ['start', 'restart']) {
      const { exitCode, stdout } = await run(action)
      // LSB: 6, not configured.
      expect([action, exitCode]).toEqual([action, 6])
      expect(stdout).toContain(`(no ${optionFile})`)
      expect(stdout).toMatch(/failed!$/)
    }
    expect((await run('status')).exitCode).toBe(3)
  })

  it('is as it should be at boot, and while the package is installed', async () => {
    const { run } = installed(service)
    for (const env of [{ RUNLEVEL: '2' }, { DPKG_MAINTSCRIPT_NAME: 'postinst' }])
      expect((await run('start', env)).exitCode).toBe(0)
  })

  it('is stopped by who stops it', async () => {
    expect((await installed(service).run('stop')).exitCode).toBe(0)
  })
})
