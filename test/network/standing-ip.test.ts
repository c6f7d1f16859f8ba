import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createKernel } from '../../src/node/kernel/kernel.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { type ProcessesWithStandingIp, withStandingIp } from '../../src/platform/standing-ip.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../support/namespace.ts'
import { silentEvents } from '../support/silent-events.ts'
import { silentLog } from '../support/silent-log.ts'

const NODE = {
  mainInterface: 'lo',
  address: '2001:db8:42:1::1',
  length: 64,
  network: '2001:db8:42::/48',
} as const

let namespace: Namespace
let other: Namespace
let standing: ProcessesWithStandingIp

beforeEach(() => {
  namespace = makeNamespace('standing')
  other = makeNamespace('standing')
  joinNamespaces(namespace, 'eth0', other, 'eth0')
  standing = withStandingIp(namespace.processes, systemClock)
})

afterEach(async () => {
  await standing[Symbol.asyncDispose]()
  namespace[Symbol.dispose]()
  other[Symbol.dispose]()
})

test('one ip shows the same as one that was asked nothing before', async () => {
  for (const words of [
    'addr add 10.42.1.1/24 dev eth0',
    'addr add 2001:db8:42:1::1/64 dev lo nodad',
    'route add unreachable 10.43.0.0/16',
    '-6 route add unreachable 2001:db8:42::/48',
    '-6 route add default via fe80::1 dev eth0',
  ])
    namespace.ip(words)
  const questions = [
    'link show dev lo',
    'addr show dev lo',
    '-4 addr show dev lo',
    'link show',
    'addr show',
    '-details addr show up',
    '-6 route show type unreachable 2001:db8:42::/48',
    '-6 route show',
    '-6 route show table all proto boot',
    '-details -6 route show default',
    '-4 route show type unreachable 10.43.0.0/16',
    '-4 route show',
    '-4 route get 10.42.1.7',
    '-6 neigh show fe80::1 dev eth0',
    '-6 addr show dev lo',
  ]
  const details = '-j -details'.split(' ')
  const answersOf = async (processes: Pick<Namespace['processes'], 'run'>) => {
    const answers: unknown[] = []
    for (const question of [...questions, ...[...questions].reverse()]) {
      const { stdout } = await processes.run('ip', [...details, ...question.split(' ')])
      answers.push([question, JSON.parse(stdout === '' ? '[]' : stdout)])
    }
    return answers
  }
  expect(await answersOf(standing)).toEqual(await answersOf(namespace.processes))
})

test('what a node has put into the kernel is found there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 're6st-standing-'))
  const kernel = createKernel({
    ...{ processes: standing, clock: systemClock, log: silentLog, events: silentEvents },
    sysctls: namespace.sysctls,
    stateFile: join(directory, 'kernel.json'),
  })
  try {
    await kernel.prepare([])
    await kernel.assign(NODE)
    expect(namespace.ip('addr show dev lo')).toContain('2001:db8:42:1::1/64')
    // As when something of it may have gone: what is there is not added.
    await kernel.assign(NODE)
    await kernel.stop()
    expect(namespace.ip('addr show dev lo')).not.toContain('2001:db8')
  } finally {
    await kernel.stop()
    rmSync(directory, { recursive: true })
  }
})
