import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type ControlSocket,
  openControlSocket,
} from '../../../../../src/node/routing/babeld/control-socket.ts'
import { awakeClock } from '../../../../../src/platform/awake-clock.ts'
import { type Clock, systemClock } from '../../../../../src/platform/clock.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

const GREETING = 'BABEL 1.0\nversion babeld-1.12.1\nhost vm\nmy-id c8:20:14:18:88:95:cb:ff\nok\n'

let directory: string
let path: string
let server: Server
let babeld: Socket | undefined
let lines: string[]
let ends: string[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 're6st-control-'))
  path = join(directory, 'babeld.sock')
  lines = []
  ends = []
  server = createServer((socket) => {
    babeld = socket.setEncoding('utf8')
    socket.write(GREETING)
  })
})

afterEach(() => {
  babeld?.destroy()
  server.close()
  rmSync(directory, { recursive: true, force: true })
})

/** A babeld that answers each command with this. */
const answering = (answer: (command: string) => string) => {
  server.on('connection', (socket) => {
    socket.on('data', (text) => {
      for (const command of String(text).trim().split('\n')) socket.write(answer(command))
    })
  })
}

const listen = () => new Promise<void>((resolve) => server.listen(path, resolve))

async function open(clock: Clock = systemClock, signal = AbortSignal.timeout(5_000)): Promise<ControlSocket> {
  const opened = await openControlSocket({
    path,
    clock,
    signal,
    onLine: (line) => lines.push(line.kind),
    onEnd: (reason) => ends.push(reason),
  })
  if (!opened.ok) throw new Error(opened.reason)
  return opened.value
}

describe('a conversation with babeld', () => {
  it('begins when babeld listens, with its greeting', async () => {
    let tries = 0
    const clock: Clock = {
      ...systemClock,
      async sleep() {
        tries++
        if (tries === 3) await listen()
      },
    }
    const control = await open(clock)
    expect(tries).toBe(3)
    expect(lines).toEqual(['greeting', 'version', 'other', 'other'])
    control.close()
    expect(ends).toEqual(['closed'])
  })

  it('is given up when it is no longer wanted', async () => {
    await expect(open(systemClock, AbortSignal.timeout(50))).rejects.toThrow('does not listen')
  })

  it('tells answers from what comes between', async () => {
    await listen()
    answering((command) => {
      if (command === 'monitor') return 'add interface tap up false\nok\n'
      return command === 'flush interface x' ? 'no No such interface\n' : 'bad\n'
    })
    const control = await open()
    const answers = await Promise.all(
      ['monitor', 'flush interface x', 'nonsense'].map((text) => control.command(text)),
    )
    expect(answers).toEqual([
      { ok: true, value: '' },
      { ok: false, reason: 'no No such interface' },
      { ok: false, reason: 'bad' },
    ])
    expect(lines.at(-1)).toBe('interface')
    control.close()
  })

  it('says one command after another: babeld answers all that it reads at once like the first that it refuses', async () => {
    await listen()
    server.on('connection', (socket) => {
      socket.on('data', (text) => {
        const commands = String(text).trimEnd().split('\n')
        const isRefused = commands.some((command) => command.startsWith('flush'))
        for (const _ of commands) socket.write(isRefused ? 'no No such interface\n' : 'ok\n')
      })
    })
    const control = await open()
    const answers = await Promise.all(
      ['flush interface x', 'interface x', ''].map((text) => control.command(text)),
    )
    expect(answers.map(({ ok }) => ok)).toEqual([false, true, true])
    control.close()
  })

  it('goes on after a line that makes no sense', async () => {
    await listen()
    answering(() => 'change neighbour � if\nok\n')
    const control = await open()
    expect(await control.command('')).toEqual({ ok: true, value: '' })
    expect(ends).toEqual([])
    control.close()
  })
})

describe('a conversation ends', () => {
  it('when babeld hangs up: what is unanswered is refused', async () => {
    await listen()
    server.on('connection', (socket) => socket.on('data', () => socket.destroy()))
    const control = await open()
    expect(await control.command('monitor')).toEqual({
      ok: false,
      reason: 'babeld closed its control socket',
    })
    expect((await control.command('monitor')).ok).toBe(false)
    expect(ends).toEqual(['babeld closed its control socket'])
  })

  it('when babeld does not answer', async () => {
    await listen()
    let expire = () => {}
    const clock: Clock = {
      ...systemClock,
      after: (_, action) => {
        expire = action
        return { [Symbol.dispose]: () => {} }
      },
    }
    const control = await open(clock)
    const answer = control.command('interface tap type tunnel')
    await new Promise((resolve) => setImmediate(resolve))
    expire()
    expect(await answer).toEqual({ ok: false, reason: 'babeld does not answer "interface tap"' })
    expect(ends).toHaveLength(1)
  })

  it('but not because this process could not read the answer in time', async () => {
    await listen()
    const machine = steppedClock()
    using clock = awakeClock(machine)
    const control = await open(clock)
    const answer = control.command('interface tap type tunnel')
    await machine.pass(9_000)
    babeld?.write('ok\n')
    await machine.stall(60_000)
    expect(await answer).toMatchObject({ ok: true })
    expect(ends).toEqual([])
    control.close()
  })

  it('when babeld answers without being asked, or never ends a line', async () => {
    await listen()
    await open()
    babeld?.write('ok\n')
    await expect.poll(() => ends).toEqual(['babeld answers without being asked: ok'])
    ends = []
    await open()
    babeld?.write('x'.repeat(5_000))
    await expect.poll(() => ends).toEqual(['babeld sends a line without an end'])
  })
})
