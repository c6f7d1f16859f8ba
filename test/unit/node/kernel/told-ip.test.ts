import { expect, it } from 'vitest'
import { LINES_AT_ONCE, ToldIp } from '../../../../src/node/kernel/told-ip.ts'
import type { ProcessEnd, ProcessOptions, RunningProcess } from '../../../../src/platform/processes.ts'
import { LINES_OF_ONE_IP } from '../../../../src/platform/standing-ip.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const FULL = Array.from({ length: LINES_AT_ONCE - 2 }, (_, number) => `line ${number}`)

/** An `ip` that does what it was told, and ends, when it is told no more; or says at once that it cannot, and ends. */
function rig({
  isBroken = false,
  onReady,
}: {
  isBroken?: boolean
  onReady?: (undone: Iterable<string>) => void
} = {}) {
  const clock = steppedClock()
  const started: {
    readonly atMs: number
    readonly lines: string[]
    readonly says: (line: string) => void
  }[] = []
  const refused: string[] = []
  const start = (_command: string, _args: readonly string[], { onLine }: ProcessOptions): RunningProcess => {
    const says = (line: string) => onLine?.(line, 'stderr')
    const one = { atMs: clock.monotonicMs(), lines: [] as string[], says }
    started.push(one)
    let end: (end: ProcessEnd) => void = () => {}
    const ended = new Promise<ProcessEnd>((resolve) => {
      end = resolve
    })
    if (isBroken)
      setImmediate(() => {
        onLine?.('Cannot open netlink socket: Too many open files in system', 'stderr')
        end({ kind: 'exited', status: 1 })
      })
    return {
      ...{ pid: undefined, ended },
      signal: (signal) => end({ kind: 'killed', signal }),
      endInput: () => {
        if (isBroken) return
        for (const [at, line] of one.lines.entries())
          if (line === 'settled') onLine?.(`Command failed -:${at + 1}`, 'stderr')
        end({ kind: 'exited', status: 1 })
      },
      write: (text) => void one.lines.push(...text.trimEnd().split('\n')),
      stop: () => {
        end({ kind: 'killed', signal: 'SIGTERM' })
        return ended
      },
    }
  }
  const ip = new ToldIp<string>({
    ...{ clock, log: silentLog, processes: { start } as never, keyOf: (about: string) => about },
    ...{
      onReady: (undone: Iterable<string>) => onReady?.(undone),
      onRefused: (about: string, reason: string) => void refused.push(`${about}: ${reason}`),
    },
  })
  return { ip, clock, started, refused }
}

const tellAll = (ip: ToldIp<string>, lines: readonly string[]) => ip.tell(lines.map((line) => [line, line]))

it('is another one also when the last line that one takes is a mark', async () => {
  const { ip, clock, started } = rig()
  ip.start()
  // Each time, the lines and a mark.
  tellAll(ip, FULL)
  expect(ip.room).toBe(1)
  ip.mark(() => {})
  await clock.pass(1)
  expect(started).toHaveLength(2)
  expect(ip.room).toBeGreaterThan(LINES_AT_ONCE / 2)
  tellAll(ip, ['the next one'])
  expect(started[1]?.lines).toContain('the next one')
})

it('of several lines about the same, only what becomes of the last one matters', () => {
  const { ip, started, refused } = rig()
  ip.start()
  const refuses = (line: number) => {
    for (const text of ['Error: no such way.', `Command failed -:${line}`]) started[0]?.says(text)
  }
  ip.tell([
    ['one way', 'same'],
    ['another way', 'same'],
    ['a way', 'other'],
  ])
  expect(ip.isBusyWith('same')).toBe(true)
  for (const line of [1, 3]) refuses(line)
  expect(refused).toEqual(['other: Error: no such way.'])
  // The mark behind them.
  refuses(4)
  expect(ip.isBusyWith('same')).toBe(false)
  ip.tell([['the first way', 'same']])
  refuses(5)
  expect(refused).toHaveLength(2)
})

it.each([
  ['few', ['one line']],
  ['many', [...FULL, 'more', 'and more']],
])(
  'one that cannot work is started later each time, however much there is to tell: %s lines',
  async (_, lines) => {
    const { ip, clock, started } = rig({ isBroken: true, onReady: () => tellAll(ip, lines) })
    ip.start()
    await clock.pass(60_000)
    const pauses = started.slice(1).map(({ atMs }, at) => atMs - (started[at]?.atMs ?? 0))
    expect(pauses.slice(0, 4)).toEqual([10, 20, 40, 80])
    expect(pauses.at(-1)).toBe(10_000)
    await ip.stop()
  },
)

it('is another one when it hangs, which is told what that one has not come to', async () => {
  const undone: string[][] = []
  const { ip, clock, started } = rig({ onReady: (some) => undone.push([...some]) })
  ip.start()
  tellAll(ip, ['line 1'])
  started[0]?.says('Command failed -:2')
  // Done with what it was told, it has nothing to say.
  await clock.pass(600_000)
  tellAll(ip, ['line 3'])
  await clock.pass(20_000)
  tellAll(ip, ['line 5'])
  started[0]?.says('Command failed -:4')
  await clock.pass(20_000)
  expect(started).toHaveLength(1)
  await clock.pass(11_000)
  await expect.poll(() => clock.pass(1_000).then(() => started.length)).toBe(2)
  expect(undone).toEqual([[], ['line 5']])
})

it('one that was told much at once is replaced when there is nothing more to tell, one that was told little stays', async () => {
  const { ip, clock, started } = rig()
  ip.start()
  const some = FULL.slice(0, LINES_OF_ONE_IP)
  tellAll(ip, some)
  await clock.pass(1_500)
  tellAll(ip, ['one more'])
  await clock.pass(1_500)
  expect(started).toHaveLength(1)
  await clock.pass(1_000)
  expect(started).toHaveLength(2)
  tellAll(ip, ['the next one'])
  await clock.pass(5_000)
  expect(started).toHaveLength(2)
  expect(started[1]?.lines).toContain('the next one')
  await ip.stop()
})

it('what is refused while one takes nothing more costs the next one no line of its own', async () => {
  const { ip, clock, started } = rig()
  ip.start()
  tellAll(ip, [...FULL, 'the last one'])
  expect(ip.room).toBe(0)
  for (let line = 0; line < LINES_AT_ONCE; line++) tellAll(ip, [`instead of line ${line}`])
  await clock.pass(1)
  expect(started).toHaveLength(2)
  expect(ip.room).toBe(LINES_AT_ONCE)
  await ip.stop()
})
