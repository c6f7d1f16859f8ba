import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { ok } from '../../../../src/core/result.ts'
import { OpenvpnProcess } from '../../../../src/node/transport/openvpn-process.ts'
import type { Clock } from '../../../../src/platform/clock.ts'
import type { ProcessEnd } from '../../../../src/platform/processes.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

it('one whose last words are that it works is asked nothing any more when it is gone', async () => {
  const stepped = steppedClock()
  let beating = 0
  const clock: Clock = {
    ...stepped,
    every(ms, action) {
      const timer = stepped.every(ms, action)
      beating++
      return {
        [Symbol.dispose]() {
          beating--
          timer[Symbol.dispose]()
        },
      }
    },
  }
  let socket: Socket | undefined
  let die: (end: ProcessEnd) => void = () => {}
  const died = new Promise<ProcessEnd>((resolve) => {
    die = resolve
  })
  const states: string[] = []
  const process: OpenvpnProcess = new OpenvpnProcess(
    {
      ...{ clock, log: silentLog, runDirectory: temporaryDirectory(), logDirectory: undefined },
      trafficIntervalMs: 10_000,
      checkVersion: async () => ok('2.6.14'),
      sysctls: { read: async () => undefined, write: async () => {} },
      processes: {
        run: async () => ({ stdout: '', stderr: '' }),
        start(_command, [path = '']) {
          socket = connect(path)
          return {
            pid: 1,
            ended: died,
            ...{ signal() {}, write() {}, endInput() {} },
            stop: () => died,
          }
        },
      },
    },
    {
      iface: 're6stnet1',
      argumentsFor: (path) => [path],
      onMessage: (message) => {
        if (message.kind !== 'state') return
        states.push(message.state)
        process.expectAnswers()
      },
    },
  )
  await expect.poll(() => socket?.readyState).toBe('open')
  socket?.resume()
  socket?.write('>HOLD:Waiting for hold release:0\n')
  await stepped.pass(0)
  die({ kind: 'exited', status: 1 })
  await stepped.pass(0)
  socket?.write('>STATE:1,CONNECTED,SUCCESS,,,,,\n')
  await expect.poll(() => states).toEqual(['CONNECTED'])
  await stepped.pass(1_000)
  await process.ended
  expect(beating).toBe(0)
  socket?.destroy()
})
