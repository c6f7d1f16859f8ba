import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KernelNews } from '../../../../src/node/kernel/kernel-events.ts'
import { KernelRouteTable } from '../../../../src/node/kernel/route-table.ts'
import type { ProcessEnd, ProcessOptions, RunningProcess } from '../../../../src/platform/processes.ts'
import { LINES_OF_ONE_IP } from '../../../../src/platform/standing-ip.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { type SteppedClock, steppedClock } from '../../../support/stepped-clock.ts'

const TO = { prefix: '2001:db8:42:2::/64', from: '::/0' }

let clock: SteppedClock
let table: KernelRouteTable
/** What `ip` was told and has not done yet, and what it has done. */
let told: string[]
let lineNumber: number
let options: ProcessOptions
let hear: (news: KernelNews) => void

/** What `ip` shows of the routes that the kernel has; undefined: it cannot. */
let shown: readonly string[] | undefined

/** Shows routes, those of IPv6. */
function show(family: string | undefined, { onLine }: ProcessOptions): RunningProcess {
  if (family === '-6') for (const line of shown ?? []) onLine?.(line, 'stdout')
  const ended = Promise.resolve<ProcessEnd>({ kind: 'exited', status: shown ? 0 : 2 })
  return { ...{ pid: 2, ended, signal: () => {}, endInput: () => {}, write: () => {} }, stop: () => ended }
}

/** An `ip` that does what it is told when the test wants it to. */
function start(_command: string, args: readonly string[], given: ProcessOptions = {}): RunningProcess {
  if (args.includes('show')) return show(args[1], given)
  options = given
  const end: ProcessEnd = { kind: 'killed', signal: 'SIGTERM' }
  let stop: (end: ProcessEnd) => void = () => {}
  const ended = new Promise<ProcessEnd>((resolve) => {
    stop = resolve
  })
  return {
    ...{ pid: 1, ended, signal: () => {}, endInput: () => {} },
    write: (text) => void told.push(...text.trimEnd().split('\n')),
    stop: () => {
      stop(end)
      return ended
    },
  }
}

/** @returns the lines that it does, without marks */
function ipDoesAll(): readonly string[] {
  const lines = told.splice(0)
  for (const line of lines) {
    lineNumber++
    if (line === 'settled') options.onLine?.(`Command failed -:${lineNumber}`, 'stderr')
  }
  return lines.filter((line) => line !== 'settled')
}

const want = async (via: string) => {
  table.set(TO, { iface: 'tap', index: 7, via, source: undefined })
  await clock.pass(1)
}

/** The kernel tells of the route: somebody has made it so. */
const tells = (via: string, protocol = '66', isGone = false) =>
  hear({
    kind: 'route',
    isGone,
    route: {
      ...{ to: TO.prefix, from: undefined, family: 'ipv6', via, iface: 'tap', protocol, metric: 1020 },
      source: undefined,
    },
  })

beforeEach(async () => {
  clock = steppedClock()
  told = []
  lineNumber = 0
  shown = []
  const run = () => Promise.resolve({ status: 0, stdout: '[]', stderr: '' })
  table = new KernelRouteTable({
    ...{ clock, log: silentLog },
    processes: { start, run } as never,
    events: {
      watch: (listener) => {
        hear = listener
        return { [Symbol.dispose]() {} }
      },
    },
  })
  await table.start()
})

afterEach(() => table[Symbol.asyncDispose]())

describe('news of a route', () => {
  it('that are older than what is written since are no reason to write it again', async () => {
    await want('fe80::2')
    await want('fe80::3')
    tells('fe80::2')
    await clock.pass(500)
    expect(ipDoesAll()).toHaveLength(2)
    tells('fe80::3')
    await clock.pass(500)
    expect(told).toEqual([])
  })

  it('that came in the wrong moment, and are followed by the right ones, are none either', async () => {
    await want('fe80::2')
    await want('fe80::3')
    ipDoesAll()
    tells('fe80::2')
    tells('fe80::3')
    await clock.pass(500)
    expect(told).toEqual([])
  })

  it('of somebody who has changed it have it set right, as soon as it is not being written anyway', async () => {
    await want('fe80::2')
    tells('fe80::2')
    tells('fe80::9')
    await clock.pass(500)
    expect(ipDoesAll()).toHaveLength(1)
    await clock.pass(500)
    expect(ipDoesAll()).toEqual([expect.stringContaining('via fe80::2')])
    tells('fe80::2')
    tells('fe80::2', '66', true)
    await clock.pass(500)
    expect(ipDoesAll()).toEqual([expect.stringContaining('via fe80::2')])
  })
})

describe('where news may have been missed', () => {
  const to = (number: number) => ({ prefix: `2001:db8:42:${number}::/64`, from: '::/0' })
  const MANY = Array.from({ length: 200 }, (_, number) => number)
  const wantAll = async (numbers = MANY) => {
    for (const number of numbers)
      table.set(to(number), { iface: 'tap', index: 7, via: 'fe80::2', source: '2001:db8:42::1' })
    await clock.pass(1)
    ipDoesAll()
  }
  const isThere = (number: number, via = 'fe80::2', source = 'src 2001:db8:42::1 ') =>
    `${to(number).prefix} via ${via} dev tap ${source}metric 1020 pref medium`
  const rewritten = async () => {
    hear({ kind: 'begun' })
    await clock.pass(1)
    ipDoesAll()
    await clock.pass(500)
    return ipDoesAll().map((line) => line.split(' ')[2])
  }

  it('nothing of many is written that is as it should be', async () => {
    await wantAll()
    shown = MANY.map((number) => isThere(number))
    expect(await rewritten()).toEqual([])
  })

  it('what is not there, leads elsewhere, or has not our address is written again, and nothing else', async () => {
    await wantAll()
    const others = MANY.filter((number) => number !== 2).map((number) => isThere(number))
    for (const wrong of [[], [isThere(2, 'fe80::9')], [isThere(2, 'fe80::2', '')]]) {
      shown = [...others, ...wrong]
      expect(await rewritten()).toEqual([to(2).prefix])
    }
  })

  it('what somebody else has made lead to a second place as well is written again', async () => {
    await wantAll()
    const spread = isThere(2)
      .replace(/ via fe80::2 dev tap/, '')
      .concat('\\\tnexthop via fe80::2 dev tap weight 1 \\\tnexthop via fe80::9 dev eth0 weight 1')
    shown = MANY.map((number) => (number === 2 ? spread : isThere(number)))
    expect(await rewritten()).toEqual([to(2).prefix])
  })

  it('that for packets of one machine is known as well', async () => {
    await wantAll()
    const one = { prefix: to(2).prefix, from: '2001:db8::7/128' }
    table.set(one, { iface: 'tap', index: 7, via: 'fe80::2', source: undefined })
    await clock.pass(1)
    ipDoesAll()
    const ofOne = `${one.prefix} from 2001:db8::7 via fe80::2 dev tap metric 1020 pref medium`
    shown = [...MANY.map((number) => isThere(number)), ofOne]
    expect(await rewritten()).toEqual([])
  })

  it('all are written again when the kernel cannot be asked, and of few without asking', async () => {
    await wantAll([1, 2, 3])
    expect(await rewritten()).toEqual([1, 2, 3].map((number) => to(number).prefix))
    await wantAll()
    shown = undefined
    expect((await rewritten()).toSorted()).toEqual(MANY.map((number) => to(number).prefix).toSorted())
  })

  it('what is being written then is written once', async () => {
    await wantAll()
    table.set(to(2), { iface: 'tap', index: 7, via: 'fe80::3', source: '2001:db8:42::1' })
    hear({ kind: 'begun' })
    await clock.pass(1)
    shown = MANY.map((number) => isThere(number, number === 2 ? 'fe80::3' : 'fe80::2'))
    expect(ipDoesAll()).toEqual([expect.stringContaining('via fe80::3')])
    await clock.pass(500)
    expect(ipDoesAll()).toEqual([])
  })
})

/** An `ip` in a kernel that takes no route with our address, and the lines that each one was told. */
function refusing() {
  const started: string[][] = []
  const startOne = (
    _command: string,
    _args: readonly string[],
    { onLine }: ProcessOptions,
  ): RunningProcess => {
    const lines: string[] = []
    started.push(lines)
    let end: (end: ProcessEnd) => void = () => {}
    const ended = new Promise<ProcessEnd>((resolve) => {
      end = resolve
    })
    let done = 0
    const work = () => {
      for (const line of lines.slice(done)) {
        done++
        if (line !== 'settled' && !line.includes(' src ')) continue
        onLine?.('RTNETLINK answers: Invalid argument', 'stderr')
        onLine?.(`Command failed -:${done}`, 'stderr')
      }
    }
    return {
      ...{ pid: 1, ended, signal: () => {} },
      write: (text) => {
        lines.push(...text.trimEnd().split('\n'))
        setImmediate(work)
      },
      endInput: () =>
        void setImmediate(() => {
          work()
          end({ kind: 'exited', status: 1 })
        }),
      stop: () => {
        end({ kind: 'killed', signal: 'SIGTERM' })
        return ended
      },
    }
  }
  return { started, start: startOne }
}

it('routes that are refused, more than one ip is told of, are written without our address, and not again at once', async () => {
  const { started, start: startOne } = refusing()
  const count = 2 * LINES_OF_ONE_IP
  await using refused = new KernelRouteTable({
    ...{ clock, log: silentLog, events: { watch: () => ({ [Symbol.dispose]() {} }) } },
    processes: { start: startOne, run: () => Promise.resolve({ stdout: '[]', stderr: '' }) } as never,
  })
  await refused.start()
  const prefixes = Array.from({ length: count }, (_, number) => `2001:db8:42:${number.toString(16)}::/64`)
  for (const prefix of prefixes)
    refused.set(
      { prefix, from: '::/0' },
      { iface: 'tap', index: 7, via: 'fe80::2', source: '2001:db8:42::1' },
    )
  for (let turn = 0; turn < 20; turn++) await clock.pass(1)
  const lines = started.flat().filter((line) => line !== 'settled')
  expect(lines.filter((line) => line.includes(' src '))).toHaveLength(count)
  const without = lines.filter((line) => line.startsWith('route replace') && !line.includes(' src '))
  expect(new Set(without.map((line) => line.split(' ')[2])).size).toBe(count)
})
