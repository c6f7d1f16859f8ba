import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { programOf } from '../../lab/programs.ts'
import { controlSocketIn } from '../../src/core/options/node-options.ts'
import { ControlServer } from '../../src/node/control/control-server.ts'
import type { RunningRegistry } from '../../src/registry/registry-settings.ts'
import { temporaryDirectory, testRegistry } from '../support/registry.ts'
import { silentLog } from '../support/silent-log.ts'

/** A machine on which everything is as the package and re6st-conf make it, and somebody who is not root. */

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs']
/** Where the project is seen: its own path may lead through directories that are not for everybody. */
const SEEN_AT = '/mnt'

let registry: RunningRegistry & { readonly url: string }
let node: ControlServer
let disk: string
/** Where the registry's own commands would ask it. */
const commandServer = createServer()

beforeAll(async () => {
  registry = await testRegistry()
  disk = temporaryDirectory()
  for (const directory of ['etc', 'log', 'state', 'run'])
    mkdirSync(path.join(disk, directory), { mode: 0o755 })
  const file = (name: string, content: string, mode = 0o644) =>
    writeFileSync(path.join(disk, 'etc', name), content, { mode })
  file('re6stnet.conf', `registry ${registry.url}\nca ca.crt\ncert cert.crt\nkey cert.key\n`)
  file('re6st-registry.conf', 'ca ca.crt\nkey cert.key\nlogfile /var/log/re6stnet/registry.log\n')
  file('secret.conf', 'ca ca.crt\n', 0o600)
  file('not-enrolled.conf', `registry ${registry.url}\nca none.crt\ncert none.crt\nkey none.key\n`)
  writeFileSync(path.join(disk, 'state', 'cache.db'), 'anything', { mode: 0o600 })
  const commands = path.join(disk, 'state', 'registry.db.socket')
  await new Promise<void>((resolve) => commandServer.listen(commands, resolve))
  chmodSync(commands, 0o600)
  for (const name of ['ca.crt', 'cert.crt']) file(name, 'anything')
  file('cert.key', 'anything', 0o600)
  node = new ControlServer(controlSocketIn(path.join(disk, 'run')), silentLog)
  await node.start()
})
afterAll(async () => {
  commandServer.close()
  await node[Symbol.asyncDispose]()
  await registry[Symbol.asyncDispose]()
})

async function asNobody(command: Parameters<typeof programOf>[0], args: readonly string[]) {
  const [program, ...more] = programOf(command)
  const seen = more.map((word) => word.replace(PROJECT.replace(/\/$/, ''), SEEN_AT))
  const mounts = [
    ['etc', '/etc/re6stnet'],
    ['log', '/var/log/re6stnet'],
    ['state', '/var/lib/re6stnet'],
    ['run', '/var/run/re6stnet'],
  ].map(([from = '', to = '']) => `mkdir -p ${to} && mount --bind ${path.join(disk, from)} ${to}`)
  const script = [`mount --bind ${PROJECT} ${SEEN_AT}`, ...mounts, 'cd /etc/re6stnet', 'exec "$@"']
  const { exitCode, stdout, stderr } = await execa(
    'unshare',
    ['--mount', 'sh', '-euc', script.join('\n'), 'sh', ...NOBODY, program, ...seen, ...args],
    { reject: false },
  )
  return { exitCode, stdout, stderr }
}

it.each<[Parameters<typeof programOf>[0], string]>([
  ['re6stnet', '@re6stnet.conf'],
  ['re6stnet', '@secret.conf'],
  ['re6st-registry', '@re6st-registry.conf'],
  ['re6st-registry', '--ca ca.crt --key cert.key'],
  ['re6st-conf', '--registry URL --anonymous'],
  ['re6st', 'status'],
  ['re6st', 'tunnels --json'],
  ['re6st', 'doctor'],
  ['re6st', 'doctor @secret.conf'],
  ['re6st', 'firewall @secret.conf'],
  ['re6st', 'firewall @not-enrolled.conf'],
  ['re6st-registry', 'nodes'],
])('%s %s: says once, in one line, that it wants root', async (command, words) => {
  const { exitCode, stdout, stderr } = await asNobody(command, words.replace('URL', registry.url).split(' '))
  expect(stderr).toMatch(/^[\w-]+: [^\n]*run it as root \(sudo\)[^\n]*$/)
  expect(stderr.match(/as root/g)).toHaveLength(1)
  expect(stderr).not.toMatch(/EACCES|EPERM/)
  expect([exitCode, stdout]).toEqual([expect.any(Number), ''])
  expect(exitCode).toBeGreaterThan(0)
})
