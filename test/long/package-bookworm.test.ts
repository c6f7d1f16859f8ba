import { copyFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import type { RunningProcess } from '../../src/platform/processes.ts'
import { DebianMachine } from '../support/debian-machine.ts'
import { buildPackage, packThisNode } from '../support/debian-package.ts'
import { makeNamespace, type Namespace } from '../support/namespace.ts'
import {
  NODE_OPTIONS,
  startRecordedNode,
  writeRecordedNode,
  writeRecordedState,
} from '../support/python-machine.ts'

/** The package in a Debian 12. Its own Node.js is too old; it has the one that runs this test. */

const SOON = { deadlineMs: 90_000 }
const NODE_DEB = 'var/tmp/nodejs.deb'

let machine: DebianMachine
let neighbour: Namespace
let deb = ''
let running: RunningProcess | undefined

const statusOf = (unit: string) => machine.show(unit, 'StatusText')

beforeAll(async () => {
  deb = await buildPackage()
  machine = await DebianMachine.make('systemd', 'bookworm')
  copyFileSync(await packThisNode(), machine.file(NODE_DEB))
  await machine.fetch(deb, `/${NODE_DEB}`)
  await machine.boot()
  neighbour = makeNamespace('re6st-bookworm-')
  await machine.join(neighbour, '192.0.2.1/24', '192.0.2.2/24')
  writeRecordedNode(machine.file('etc/re6stnet'), 'node-a', NODE_OPTIONS)
  writeRecordedState(machine.root)
})
afterAll(async () => {
  await running?.stop(20_000)
  neighbour?.[Symbol.dispose]()
  await machine?.[Symbol.asyncDispose]()
})

it('is not installed with the Node.js of Debian 12', async () => {
  expect(await machine.try('apt-get install --dry-run --no-install-recommends /var/tmp/package.deb')).toEqual(
    {
      exitCode: 100,
      stdout: expect.stringContaining('Depends: nodejs (>= 20.19~)'),
      stderr: expect.anything(),
    },
  )
})

it('with a newer one it is, and has a node and a registry run', async () => {
  await machine.install(deb, `/${NODE_DEB}`)
  await waitFor(async () => (await statusOf('re6stnet')).startsWith('2001:db8:42:1::1:'), {
    what: 'the node',
    ...SOON,
  })
  expect(await statusOf('re6st-registry')).toMatch(/^serving .*:80$/)
  expect(await machine.run('re6st --version')).toMatch(/^re6st /)
  // systemd 252 does not know everything that the units say; that is no mistake.
  await machine.run('systemd-analyze verify --man=no re6stnet.service re6st-registry.service')
})

it('whose tunnels carry packets', async () => {
  running = startRecordedNode(neighbour, 'client 192.0.2.1,1194,tcp\n')
  await waitFor(() => neighbour.processes.run('ping', ['-c', '1', '-W', '1', '2001:db8:42:1::1']), {
    what: 'a ping',
    ...SOON,
  })
})

it('of which nothing runs after a purge', async () => {
  await machine.run('apt-get purge -y re6stnet')
  expect((await machine.programs()).filter((program) => /re6st|openvpn|babeld/.test(program))).toEqual([])
})
