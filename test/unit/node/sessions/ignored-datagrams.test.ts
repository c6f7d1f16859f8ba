import { expect, it } from 'vitest'
import { IgnoredDatagrams } from '../../../../src/node/sessions/ignored-datagrams.ts'
import { silentLog } from '../../../support/silent-log.ts'

it('ignored datagrams are one line a report, and a warning once an hour when there are many', () => {
  let nowMs = 0
  const lines: [level: string, fields: { count: number; reason: string; source?: string }][] = []
  const at = (level: string) => (fields: never) => lines.push([level, fields])
  const log = { ...silentLog, debug: at('debug'), warn: at('warn') } as never
  const ignored = new IgnoredDatagrams(log, { monotonicMs: () => nowMs })

  ignored.report()
  expect(lines).toEqual([])
  ignored.count('one', '2001:db8::1')
  ignored.count('another')
  ignored.count('another')
  ignored.report()
  expect(lines).toEqual([['debug', { count: 3, reason: 'another (2); one (1)', source: '2001:db8::1' }]])

  for (let minute = 0; minute < 120; minute++, nowMs += 60_000) {
    // Whatever they are called, they are few in memory and in the line.
    for (let number = 0; number < 10_000; number++) ignored.count(`reason ${number}`)
    ignored.report()
  }
  expect(lines.filter(([level]) => level === 'warn')).toHaveLength(2)
  expect(lines).toHaveLength(121)
  expect(lines.at(-1)?.[1].count).toBe(10_000)
  expect(lines.at(-1)?.[1].reason.split('; ')).toHaveLength(41)
})
