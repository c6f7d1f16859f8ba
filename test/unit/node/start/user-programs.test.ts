import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { networkOfBits, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import type { Identity } from '../../../../src/node/identity.ts'
import { startUserPrograms } from '../../../../src/node/start/user-programs.ts'
import { systemProcesses } from '../../../../src/platform/processes.ts'
import { StartingNode } from '../../../support/starting-node.ts'

let node: StartingNode
beforeEach(() => {
  node = new StartingNode()
})
afterEach(() => node[Symbol.asyncDispose]())

const identity = {
  address: '2001:db8:42:1::1',
  authority: { network: networkOfBits('001000000000000100001101101110000000000001000010') },
  certificate: { prefix: prefixOfBits(`${'0'.repeat(15)}1`) },
} as unknown as Identity

const start = (...args: readonly string[]) =>
  startUserPrograms({
    ...{ options: node.options(...args), identity, cleanUp: node.cleanUp, log: node.log },
    processes: systemProcesses,
  })
const written = (name: string) => (existsSync(node.file(name)) ? readFileSync(node.file(name), 'utf8') : '')

it('runs --up to its end first, then each --daemon, and tells them who this node is', async () => {
  const said = '$re6stnet_iface $re6stnet_ip $re6stnet_subnet $re6stnet_network'
  await start(
    ...['--main-interface', 'eth7', '--up', `echo up ${said} >${node.file('up')}`],
    ...[
      '--daemon',
      `cat ${node.file('up')} >${node.file('one')}; echo ${said} >>${node.file('one')}; sleep 1000`,
    ],
    ...['--daemon', `echo two >${node.file('two')}`],
  )
  const who = 'eth7 2001:db8:42:1::1 2001:db8:42:1::/64 2001:db8:42::/48\n'
  expect(written('up')).toBe(`up ${who}`)
  await expect.poll(() => written('one'), { timeout: 20_000 }).toBe(`up ${who}${who}`)
  await expect.poll(() => written('two'), { timeout: 20_000 }).toBe('two\n')
})

it('starts no --daemon when --up fails: the node ends with its status', async () => {
  await expect(
    start('--up', 'exit 7', '--daemon', `echo began >${node.file('began')}; sleep 1000`),
  ).rejects.toMatchObject({ status: 7 })
  expect(written('began')).toBe('')
})

it('ends each --daemon with the node, also one that others were started by', async () => {
  await start('--daemon', `sleep 1000 & echo $! >${node.file('pid')}; wait`)
  await expect.poll(() => written('pid'), { timeout: 20_000 }).toMatch(/^\d+\n$/)
  await node.cleanUp[Symbol.asyncDispose]()
  const commandLine = `/proc/${written('pid').trim()}/cmdline`
  // Of one that ended, and that nobody has waited for, there is an empty one.
  await expect
    .poll(() => existsSync(commandLine) && readFileSync(commandLine, 'utf8'), { timeout: 20_000 })
    .toBeOneOf([false, ''])
})
