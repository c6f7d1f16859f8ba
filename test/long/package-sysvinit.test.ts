import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import type { StatusReply } from '../../src/core/control/replies.ts'
import { DebianMachine } from '../support/debian-machine.ts'
import { buildPackage } from '../support/debian-package.ts'
import { NODE_OPTIONS, writeRecordedNode, writeRecordedState } from '../support/python-machine.ts'

/** The package in a Debian 13 without systemd: its scripts in /etc/init.d, run by sysvinit. */

const SERVICES = ['re6st-registry', 're6stnet']
const SOON = { deadlineMs: 90_000 }

let machine: DebianMachine

const pidOf = async (service: string) => (await machine.run(`cat /run/${service}.pid`)).trim()
const statusOf = async (service: string) => (await machine.try(`service ${service} status`)).exitCode
const ours = async () =>
  (await machine.programs()).filter((program) => /re6st|openvpn/.test(program)).map((line) => line.trim())
const waitForNode = () =>
  waitFor(async () => /2001:db8:42:1::1\b/.test(await machine.run('re6st status')), {
    what: 'the node',
    ...SOON,
  })

beforeAll(async () => {
  machine = await DebianMachine.make('sysvinit')
  await machine.fetch(await buildPackage())
  writeRecordedNode(machine.file('etc/re6stnet'), 'node-a', NODE_OPTIONS)
  writeRecordedState(machine.root)
  await machine.boot()
})
afterAll(async () => {
  await machine?.[Symbol.asyncDispose]()
})

it('starts what is configured when the package is installed', async () => {
  await machine.install(machine.file('var/tmp/package.deb'))
  await waitForNode()
  for (const service of SERVICES) expect(await statusOf(service), service).toBe(0)
})

it('starts them when the machine boots, the registry first', async () => {
  await machine.powerOff()
  await machine.boot()
  await waitForNode()
  const order = (service: string) => machine.run(`cd /etc/rc2.d && echo S*${service}`)
  expect((await order('re6st-registry')) < (await order('re6stnet'))).toBe(true)
})

it('starts nothing twice', async () => {
  const before = await pidOf('re6stnet')
  await machine.run('service re6stnet start')
  expect(await pidOf('re6stnet')).toBe(before)
  expect((await ours()).filter((program) => program.includes('@re6stnet.conf'))).toHaveLength(1)
})

it('starts the node anew by a reload, in the same process', async () => {
  const before = await pidOf('re6stnet')
  const uptimeSeconds = async () =>
    (JSON.parse(await machine.run('re6st status --json')) as StatusReply).uptimeSeconds
  // Long before the reload: what it says is in whole seconds.
  await waitFor(async () => (await uptimeSeconds()) >= 3, { what: 'some seconds', ...SOON })
  const reloadMs = performance.now()
  await machine.run('service re6stnet reload')
  await waitFor(async () => performance.now() - 1000 * (await uptimeSeconds()) > reloadMs - 1_500, {
    what: 'the node to run again',
    ...SOON,
  })
  expect(await pidOf('re6stnet')).toBe(before)
})

it('goes on in new log files when logrotate has moved the old ones', async () => {
  const before = await Promise.all(SERVICES.map(pidOf))
  await machine.run('logrotate --force /etc/logrotate.d/re6stnet')
  await machine.run(
    'service re6stnet reload && re6st-conf --registry http://127.0.0.1/ --anonymous --dir /root/new',
  )
  for (const log of ['re6stnet.log', 'registry.log']) {
    expect(existsSync(machine.file(`var/log/re6stnet/${log}.1`)), log).toBe(true)
    await waitFor(() => readFileSync(machine.file(`var/log/re6stnet/${log}`), 'utf8') !== '', {
      what: `a line in the new ${log}`,
      ...SOON,
    })
  }
  expect(await Promise.all(SERVICES.map(pidOf))).toEqual(before)
})

it('knows its process after an upgrade of Node.js', async () => {
  const before = await pidOf('re6stnet')
  // As dpkg does it: the program that runs is no file any more.
  await machine.run('node=$(readlink -f /usr/bin/node) && cp $node $node.new && mv $node.new $node')
  expect(await statusOf('re6stnet')).toBe(0)
  await machine.run('service re6stnet restart')
  expect(await pidOf('re6stnet')).not.toBe(before)
  await waitForNode()
  expect((await ours()).filter((program) => program.includes('@re6stnet.conf'))).toHaveLength(1)
})

it('stops the node, and leaves nothing of it', async () => {
  await machine.run('service re6stnet stop')
  expect(await statusOf('re6stnet')).toBe(3)
  expect(await ours()).toEqual([expect.stringContaining('re6st-registry')])
  expect(await machine.run('ip -6 addr show dev lo scope global')).toBe('')
  await machine.run('service re6stnet stop')
})

it('says what is wrong with the options, and that a dead one is dead', async () => {
  await machine.run('echo "nonsense 1" >>/etc/re6stnet/re6stnet.conf')
  const start = await machine.try('service re6stnet start')
  expect(start.exitCode).toBe(1)
  expect(`${start.stdout}${start.stderr}`).toMatch(/re6stnet: .*nonsense/)
  await machine.run('sed -i /nonsense/d /etc/re6stnet/re6stnet.conf && service re6stnet start')
  await machine.run('kill -KILL $(cat /run/re6stnet.pid)')
  await waitFor(async () => (await statusOf('re6stnet')) === 1, { what: 'the status', ...SOON })
  await machine.run('service re6stnet start')
  await waitForNode()
})

it('does nothing without a configuration, and says so to who starts it by hand', async () => {
  for (const service of ['re6stnet', 're6st-registry']) {
    const file = `/etc/re6stnet/${service}.conf`
    await machine.run(`service ${service} stop && mv ${file} /var/tmp`)
    const start = await machine.try(`service ${service} start`)
    expect([start.exitCode, `${start.stdout}${start.stderr}`]).toEqual([6, expect.stringContaining(file)])
    // As at boot.
    await machine.run(`RUNLEVEL=2 /etc/init.d/${service} start`)
    expect(await statusOf(service)).toBe(3)
  }
  for (const service of ['re6st-registry', 're6stnet'])
    await machine.run(`mv /var/tmp/${service}.conf /etc/re6stnet && service ${service} start`)
})

it('ends them when the package is removed', async () => {
  await machine.run('apt-get remove -y re6stnet')
  expect(await ours()).toEqual([])
  await machine.run('apt-get purge -y re6stnet')
  expect(await machine.run('ls /etc/init.d /etc/rc2.d')).not.toContain('re6st')
})
