import { describe, expect, it } from 'vitest'
import { nodeSteps, startLine } from '../../../src/registry/node-steps.ts'

const url = 'http://localhost/'
const joinLine = (directory: string, place: { database: string; commandSocket?: string }) =>
  nodeSteps(directory, { url, ...place }, 'ann+re6st@example.com')[1]

describe('what is run next', () => {
  it.each([
    ['/etc/re6stnet', ['/etc/init.d/re6stnet', '/run/systemd/system'], 'systemctl enable --now re6stnet'],
    ['/etc/re6stnet', ['/etc/init.d/re6stnet'], 'service re6stnet start'],
    [
      '/etc/re6stnet',
      ['/etc/systemd/system/re6stnet.service', '/run/systemd/system'],
      'systemctl enable --now re6stnet',
    ],
    [
      '/etc/re6stnet',
      ['/etc/init.d/re6stnet', '/run/openrc'],
      'rc-update add re6stnet && rc-service re6stnet start',
    ],
    ['/etc/re6stnet', ['/etc/systemd/system/re6stnet.service'], 're6stnet @re6stnet.conf &'],
    ['/etc/re6stnet', ['/run/systemd/system'], 're6stnet @re6stnet.conf &'],
    ['/srv/net', ['/etc/init.d/re6stnet', '/run/systemd/system'], 're6stnet @re6stnet.conf &'],
  ])('in %s, where there is %j, starts the node by %s', (directory, there, line) => {
    expect(startLine('re6stnet', directory, { exists: (path) => there.includes(path) })).toBe(line)
  })

  it('asks the registry that was made for a token: by its database, and never with a password of one', () => {
    const database = '/var/lib/re6stnet/registry.db'
    expect(joinLine('/etc/re6stnet', { database })).toBe(
      're6st join --registry http://localhost/ --token "$(re6st-registry invite --token-only --wait 60 --email ann+re6st@example.com)"',
    )
    expect(joinLine('/srv/my net', { database: '/srv/my net/r.db' })).toContain(
      'http://localhost/ --dir . --token "$(re6st-registry invite --token-only --wait 60 --email ann+re6st@example.com --db \'/srv/my net/r.db\')"',
    )
    const ofPostgres = joinLine('/etc/re6stnet', { database: 'postgres://re6st:secret@db/re6st' })
    expect(ofPostgres).toContain(' --command-socket /run/re6st-registry/commands.socket)')
    expect(ofPostgres).not.toContain('secret')
    expect(joinLine('/etc/re6stnet', { database, commandSocket: '/run/own.socket' })).toContain(
      ' --command-socket /run/own.socket)',
    )
  })
})
