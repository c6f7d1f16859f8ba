import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Picture } from '../../../demo/model.ts'
import { TEST_ROUTER } from '../../../lab/re6st-node.ts'
import { waitFor } from '../../../lab/wait-for.ts'

interface DemoEvent {
  readonly event: string
  readonly [field: string]: unknown
}

/** Labs of demos that run, or ran and left something. */
const demoLabs = (): string[] =>
  existsSync('/run/re6st-lab') ? readdirSync('/run/re6st-lab').filter((id) => id.startsWith('demo-')) : []

function startDemo(...args: string[]) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'demo/main.ts', '--json', '--port', '0', '--router', TEST_ROUTER, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  const events: DemoEvent[] = []
  const errors: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line) as DemoEvent))
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    child,
    events,
    errors,
    ended,
    last: (event: string) => events.findLast((one) => one.event === event),
  }
}

describe('npm run demo', () => {
  let demo: ReturnType<typeof startDemo>
  let status: number | null
  let pictureWhileRunning: Picture

  beforeAll(async () => {
    demo = startDemo()
    await waitFor(() => demo.last('page'), { what: 'the page', deadlineMs: 60_000 })
    await waitFor(() => demo.last('roundTrips') ?? demo.child.exitCode !== null, {
      what: 'all pairs to reach each other',
      deadlineMs: 150_000,
    })
    pictureWhileRunning = (await (await fetch(`${demo.last('page')?.['url']}picture.json`)).json()) as Picture
    status = await demo.ended
    if (status !== 0) console.error(demo.last('summary'), demo.errors.join('\n'))
  }, 300_000)
  afterAll(() => void demo.child.kill('SIGKILL'))

  test('a registry and eight nodes come up, and all pairs ping', () => {
    expect(status).toBe(0)
    expect(demo.last('summary')).toMatchObject({ ok: true, nodes: 9 })
    const rows = Object.values(demo.last('roundTrips')?.['milliseconds'] as Picture['roundTrips'])
    expect(rows.map((row) => Object.keys(row).length)).toEqual(Array(9).fill(8))
  })

  test('a machine is killed and a link cut, and packets flow again', () => {
    const outages = demo.last('summary')?.['outages'] as Picture['outages']
    expect(outages.length).toBeGreaterThan(0)
    for (const { seconds } of outages) expect(seconds).toBeGreaterThan(0)
  })

  test('the page shows the machines with their tunnels and routes', () => {
    expect(pictureWhileRunning.machines).toHaveLength(9)
    expect(pictureWhileRunning.machines.every(({ routes }) => routes.length > 0)).toBe(true)
    expect(pictureWhileRunning.machines.some(({ tunnels }) => tunnels.length > 0)).toBe(true)
    // What names of subnets stand for, where they are met.
    for (const { subnet } of pictureWhileRunning.machines)
      expect(pictureWhileRunning.story.map(({ text }) => text).join('\n')).toMatch(
        new RegExp(`subnet ${subnet}, which is [0-9a-f:]+/64$`, 'm'),
      )
  })

  test('nothing is left when it is over', () => {
    expect(demoLabs()).toEqual([])
  })
})

test('Ctrl-C ends the demo at any moment, and nothing is left', async () => {
  const demo = startDemo()
  await waitFor(() => demo.events.some(({ stage }) => stage === 'enrolling'), {
    what: 'the first enrolment',
    deadlineMs: 30_000,
  })
  demo.child.kill('SIGINT')
  expect(await demo.ended).toBe(130)
  expect(demo.last('summary')).toMatchObject({ ok: false, problem: 'ended by SIGINT' })
  expect(demoLabs()).toEqual([])
})

describe('without root', () => {
  /** May still read the project, wherever it is. */
  const asNobody = (...command: string[]) =>
    execa(
      'setpriv',
      [
        ...['--reuid', '65534', '--clear-groups'],
        ...['--inh-caps', '+dac_read_search', '--ambient-caps', '+dac_read_search'],
        ...[process.execPath, ...command],
      ],
      { reject: false, timeout: 60_000, killSignal: 'SIGKILL' },
    )

  test('the demo says what is missing, and ends', async () => {
    const { exitCode, stderr } = await asNobody('--import', 'tsx', 'demo/main.ts', '--port', '0')
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: 'demo: network namespaces need root: run this again as root (sudo)',
    })
    const script = await asNobody('scripts/demo.mjs')
    expect(script.exitCode).toBe(1)
    expect(script.stderr).toMatch(/^The demo cannot run on this machine:\n {2}- root is needed/m)
  })

  test('the demo says what it can do', async () => {
    const { exitCode, stdout } = await asNobody('scripts/demo.mjs', '--help')
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^Usage: npm run demo/)
  })
})

test('a port that is taken is told of', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const demo = startDemo('--port', String(port))
  expect(await demo.ended).toBe(1)
  expect(demo.errors).toEqual([`demo: --port ${port}: another program listens there; give another, or none`])
  taken.close()
})
