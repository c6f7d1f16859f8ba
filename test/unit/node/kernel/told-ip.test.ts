import { expect, it } from 'vitest'
import { ToldIp } from '../../../../src/node/kernel/told-ip.ts'
import type { ProcessEnd, RunningProcess } from '../../../../src/platform/processes.ts'
import { LINES_OF_ONE_IP } from '../../../../src/platform/standing-ip.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

/** An `ip` that ends when it is told no more. */
function rig() {
  const clock = steppedClock()
  const started: { lines: string[] }[] = []
  const start = (): RunningProcess => {
    const one = { lines: [] as string[] }
    started.push(one)
    let end: (end: ProcessEnd) => void = () => {}
    const ended = new Promise<ProcessEnd>((resolve) => {
      end = resolve
    })
    return {
      ...{ pid: 1, ended, signal: () => {} },
      endInput: () => end({ kind: 'exited', status: 1 }),
      write: (text) => void one.lines.push(...text.trimEnd().split('\n')),
      stop: () => {
        end({ kind: 'killed', signal: 'SIGTERM' })
        return ended
      },
    }
  }
  const ip = new ToldIp<string>({
    ...{ clock, log: silentLog, processes: { start } as never, keyOf: (about: string) => about },
    ...{ onReady: () => {}, onRefused: () => {} },
  })
  ip.start()
  return { ip, clock, started }
}

it('is another one also when the last line that one takes is a mark', async () => {
  const { ip, clock, started } = rig()
  // Each time, the lines and a mark.
  ip.tell(Array.from({ length: LINES_OF_ONE_IP - 2 }, (_, number) => [`line ${number}`, String(number)]))
  expect(ip.room).toBe(1)
  ip.mark(() => {})
  await clock.pass(1)
  expect(started).toHaveLength(2)
  expect(ip.room).toBeGreaterThan(LINES_OF_ONE_IP / 2)
  ip.tell([['the next one', 'next']])
  expect(started[1]?.lines).toContain('the next one')
})
