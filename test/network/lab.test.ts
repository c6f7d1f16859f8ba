import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { differences, footprintOf } from '../../lab/footprint.ts'
import { type Gateway, Lab, withLab } from '../../lab/lab.ts'
import type { Machine } from '../../lab/machine.ts'
import { missingPairs, PingMonitor, pingAllPairs, pingFrom } from '../../lab/pings.ts'
import { untilAllAnswer } from '../../lab/until-all-answer.ts'
import { waitFor } from '../../lab/wait-for.ts'
import { systemProcesses } from '../../src/platform/processes.ts'

const addressOf = (machine: Machine, family: 'ipv4' | 'ipv6' = 'ipv4'): string =>
  machine.addresses[family] ?? ''

const reaches = async (from: Machine, to: Machine, family: 'ipv4' | 'ipv6' = 'ipv4'): Promise<boolean> =>
  (await pingFrom(from, [addressOf(to, family)], 300)).get(addressOf(to, family)) !== undefined

const namespacesOf = async (lab: string): Promise<string[]> =>
  (await systemProcesses.run('ip', ['netns', 'list'])).stdout.split('\n').filter((line) => line.includes(lab))

describe('an Internet with two public machines and two LANs', () => {
  let lab: Lab
  let [a, b, inside, mate, elsewhere] = [] as unknown as [Machine, Machine, Machine, Machine, Machine]
  let [office, home] = [] as unknown as [Gateway, Gateway]

  beforeAll(async () => {
    lab = await Lab.create({ name: 'lab-test' })
    ;[a, b, office, home] = await Promise.all([
      lab.host('a'),
      lab.host('b'),
      lab.nat('office'),
      lab.nat('home', { families: ['ipv4', 'ipv6'] }),
    ])
    ;[inside, mate, elsewhere] = await Promise.all([
      lab.host('inside', { on: office.lan }),
      lab.host('mate', { on: office.lan }),
      lab.host('elsewhere', { on: home.lan }),
    ])
  })
  afterAll(() => lab.dispose())

  test('public machines reach each other over IPv4 and IPv6', async () => {
    expect(await reaches(a, b)).toBe(true)
    expect(await reaches(a, b, 'ipv6')).toBe(true)
  })

  test('programs have no more authorities than those of a service, whatever whoever runs the scenario has', async () => {
    vi.stubEnv('NODE_EXTRA_CA_CERTS', '/etc/ssl/certs/ca-certificates.crt')
    try {
      const say = ['sh', '-c', 'echo "authorities: $NODE_EXTRA_CA_CERTS"'] as const
      expect((await a.run(...say)).stdout).toBe('authorities: ')
      expect(await a.start(say).line(/^authorities/)).toBe('authorities: ')
    } finally {
      vi.unstubAllEnvs()
    }
  })

  test('a machine behind a NAT reaches public ones, which see the gateway, and its neighbour on the LAN', async () => {
    expect(await reaches(inside, a)).toBe(true)
    expect(await reaches(inside, mate)).toBe(true)
    const listener = a.start([
      process.execPath,
      '-e',
      `require('net').createServer((socket) => { console.log('from ' + socket.remoteAddress); socket.end() }).listen(7000, '0.0.0.0', () => console.log('listening'))`,
    ])
    await listener.line(/listening/)
    await inside.run(
      process.execPath,
      '-e',
      `require('net').connect(7000, '${addressOf(a)}').on('close', () => process.exit())`,
    )
    expect(await listener.line(/^from /)).toBe(`from ${addressOf(office.machine)}`)
    await listener.stop()
  })

  test('nobody outside reaches a machine behind a NAT, also not over its routed IPv6', async () => {
    expect(await reaches(a, inside)).toBe(false)
    expect(await reaches(elsewhere, a, 'ipv6')).toBe(true)
    expect(await reaches(a, elsewhere, 'ipv6')).toBe(false)
  })

  test('a machine behind two NATs reaches public ones, which see the outer; what is sent to that reaches the inner, if it is to', async () => {
    const inner = await lab.nat('inner', { behind: office })
    const deep = await lab.host('deep', { on: inner.lan })
    /** Tells whom it hears. */
    const listen = async (machine: Machine) => {
      const listener = machine.start([
        process.execPath,
        '-e',
        `require('net').createServer((socket) => { console.log('from ' + socket.remoteAddress); socket.end() }).listen(7001, '0.0.0.0', () => console.log('listening'))`,
      ])
      await listener.line(/listening/)
      return listener
    }
    const dial = (from: Machine, to: Machine) =>
      from.capture(
        process.execPath,
        '-e',
        `require('net').connect({ port: 7001, host: '${addressOf(to)}', timeout: 2_000 })
          .on('timeout', () => process.exit(1)).on('error', () => process.exit(1)).on('end', () => process.exit(0))`,
      )
    const outside = await listen(a)
    expect((await dial(deep, a)).end).toEqual({ kind: 'exited', status: 0 })
    expect(await outside.line(/^from /)).toBe(`from ${addressOf(office.machine)}`)
    await outside.stop()
    const atInner = await listen(inner.machine)
    expect((await dial(b, office.machine)).end).toEqual({ kind: 'exited', status: 1 })
    await lab.sendEverything(office, inner.machine)
    expect((await dial(b, office.machine)).end).toEqual({ kind: 'exited', status: 0 })
    expect(await atInner.line(/^from /)).toBe(`from ${addressOf(b)}`)
    // Its own connections, and those of others behind it, go on.
    await lab.waitFor(() => reaches(inside, a), {
      what: 'the other machine to reach a public one',
      deadlineMs: 10_000,
    })
    await atInner.stop()
  })

  test('a machine that comes to a LAN cuts off none that is there: the gateway keeps its MAC address', async () => {
    const addresses = async () =>
      (await office.machine.ip('link', 'show', 'dev', 'lan')).map((one) => one['address'])
    const before = await addresses()
    expect([await reaches(inside, a), await reaches(mate, a)]).toEqual([true, true])
    // A bridge without an address of its own has the lowest of its ports.
    await office.machine.run('ip', 'link', 'add', 'low', 'address', '00:00:00:00:00:01', 'type', 'veth')
    await office.machine.run('ip', 'link', 'set', 'low', 'master', 'lan')
    expect(await addresses()).toEqual(before)
    expect([await reaches(inside, a), await reaches(mate, a)]).toEqual([true, true])
    await office.machine.run('ip', 'link', 'delete', 'low')
  })

  test('a cut loses the packets of one pair only, until it is restored', async () => {
    await lab.cut(a, b)
    expect(await reaches(a, b)).toBe(false)
    expect(await reaches(b, a, 'ipv6')).toBe(false)
    expect(await reaches(inside, a)).toBe(true)
    await lab.restore(b, a)
    expect(await reaches(a, b)).toBe(true)
  })

  test('a cut knows a machine behind a NAT from its neighbours', async () => {
    await lab.cut(inside, a)
    expect(await reaches(inside, a)).toBe(false)
    expect(await reaches(mate, a)).toBe(true)
    await lab.restore(inside, a)
    expect(await reaches(inside, a)).toBe(true)
  })

  test('a cut on a LAN stops multicast too', async () => {
    const { stdout } = await mate.run('ip', '-6', '-br', 'addr', 'show', 'dev', 'eth0', 'scope', 'link')
    const target = `${/fe80::[0-9a-f:]+/.exec(stdout)?.[0]}%eth0`
    expect((await pingFrom(inside, [target], 300)).get(target)).toBeDefined()
    await lab.cut(inside, mate)
    expect((await pingFrom(inside, [target], 300)).get(target)).toBeUndefined()
    await lab.restore(inside, mate)
  })

  test('a machine whose cable is out is unreachable, and comes back', async () => {
    await b.unplug()
    expect(await reaches(a, b)).toBe(false)
    await b.plugIn()
    expect(await reaches(a, b)).toBe(true)
    expect(await reaches(a, b, 'ipv6')).toBe(true)
  })

  test('a machine without power says no goodbye; it boots again with the same disk and cuts', async () => {
    const daemon = b.start(['sleep', '1000'])
    await b.run('touch', `${b.directory}/kept`)
    await lab.cut(a, b)
    await b.powerOff()
    expect(daemon.end).toEqual({ kind: 'killed', signal: 'SIGKILL' })
    expect(await reaches(inside, b)).toBe(false)
    await b.boot()
    expect(existsSync(`${b.directory}/kept`)).toBe(true)
    expect(await reaches(inside, b)).toBe(true)
    expect(await reaches(a, b)).toBe(false)
    await lab.restore(a, b)
    expect(await reaches(a, b)).toBe(true)
  })

  test('all pairs are pinged at once, and those that fail are named', async () => {
    const targets = [a, b, inside].map((machine) => ({ machine, address: addressOf(machine) }))
    const matrix = await pingAllPairs(targets, 300)
    expect(missingPairs(matrix)).toEqual(['a → inside', 'b → inside'])
    expect([...(matrix.values().next().value?.values() ?? [])][0]).toBeGreaterThan(0)
  })

  test('when all pairs answer is told to a tenth of a second, and which do not at the deadline', async () => {
    const targets = [a, b].map((machine) => ({ machine, address: addressOf(machine) }))
    await lab.cut(a, b)
    await expect(untilAllAnswer(targets, 500)).rejects.toThrow('2 pairs missing: a → b, b → a')
    const beganMs = performance.now()
    const answering = untilAllAnswer(targets, 60_000)
    await waitFor(() => performance.now() - beganMs > 700, { what: 'the outage', deadlineMs: 60_000 })
    const earliestMs = performance.now() - beganMs
    await lab.restore(a, b)
    const restoredMs = performance.now() - beganMs
    const answeredMs = await answering
    expect(answeredMs).toBeGreaterThan(earliestMs - 10)
    expect(answeredMs).toBeLessThan(restoredMs + 400)
  })

  test('a monitor measures how long packets do not flow', async () => {
    const monitor = new PingMonitor(a, addressOf(b), 20)
    await waitFor(() => monitor.series.received > 5, { what: 'first answers', deadlineMs: 60_000 })
    monitor.reset()
    await lab.cut(a, b)
    const silentMs = performance.now()
    await waitFor(() => performance.now() - silentMs > 400, { what: 'the outage', deadlineMs: 60_000 })
    await lab.restore(a, b)
    const before = monitor.series.received
    await waitFor(() => monitor.series.received > before + 5, { what: 'answers again', deadlineMs: 60_000 })
    const { longestGapMs, received } = await monitor.stop()
    expect(longestGapMs).toBeGreaterThan(390)
    expect(received).toBeGreaterThan(5)
  })

  test('the report shows what a daemon wrote', async () => {
    const daemon = a.start(['sh', '-c', 'echo from a daemon; echo on stderr >&2; exec sleep 1000'], {
      name: 'demo',
    })
    await daemon.line(/stderr/)
    expect(lab.report()).toMatch(/--- a: demo \(running\)\n {4}from a daemon\n {4}on stderr/)
    await daemon.stop()
  })
})

test('a lab leaves nothing: no namespace, process, or file', async () => {
  const left = await withLab({ name: 'lab-tidy' }, async (lab) => {
    const machine = await lab.host('a')
    const daemon = machine.start(['sh', '-c', 'trap "" TERM; sleep 1000 & while :; do wait; done'])
    return { daemon, machine, directory: lab.directory }
  })
  expect(left.daemon.end).toBeDefined()
  expect(existsSync(left.directory)).toBe(false)
  expect(await namespacesOf(left.machine.namespace)).toEqual([])
})

test('two labs with machines of the same name stand side by side', async () => {
  await withLab({ name: 'lab-twin' }, (one) =>
    withLab({ name: 'lab-twin' }, async (other) => {
      const [here, there] = await Promise.all([one.host('a'), other.host('a')])
      expect(here.namespace).not.toBe(there.namespace)
      const outsider = await other.host('b')
      expect(await reaches(outsider, there)).toBe(true)
      await there.powerOff()
      // `here` has the same address, in another Internet.
      expect(addressOf(here)).toBe(addressOf(there))
      expect(await reaches(outsider, there)).toBe(false)
    }),
  )
})

test.each(['SIGINT', 'SIGKILL'] as const)(
  'nothing is left of a lab whose process gets %s',
  async (signal) => {
    const name = `lab-crash-${signal.toLowerCase()}`
    const script = `
    const { Lab } = await import('./lab/lab.ts')
    const lab = await Lab.create({ name: '${name}' })
    const machine = await lab.host('a')
    machine.start(['sleep', '1000'])
    console.log('ready')
    setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise<void>((resolve) => child.stdout.on('data', () => resolve()))
    expect(await namespacesOf(name)).toHaveLength(2)
    child.kill(signal)
    await waitFor(async () => (await namespacesOf(name)).length === 0, {
      what: 'the guard to remove the namespaces',
      deadlineMs: 60_000,
    })
  },
)

test('a footprint shows what was left behind, and nothing else', async () => {
  await withLab({ name: 'lab-footprint' }, async (lab) => {
    const machine = await lab.host('a')
    let before = await footprintOf(machine)
    // Of a machine that has just been made, the kernel still does this and that.
    await lab.waitFor(
      async () => {
        const earlier = before
        before = await footprintOf(machine)
        return differences(earlier, before).length === 0
      },
      { what: 'a footprint that stays the same', deadlineMs: 10_000 },
    )
    await machine.run('ip', '-6', 'route', 'add', 'unreachable', '2001:db8:42::/48')
    const daemon = machine.start(['sleep', '1000'])
    const after = differences(before, await footprintOf(machine))
    expect(after).toHaveLength(2)
    expect(after[0]).toMatch(/^routes: \+ unreachable 2001:db8:42::\/48/)
    expect(after[1]).toBe('processes: + sleep 1000')
    await daemon.stop()
  })
})
