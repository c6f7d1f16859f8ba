import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import { Smcrouted } from '../../../../src/node/multicast/smcrouted.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { Logger } from '../../../../src/platform/log.ts'
import type { ProcessEnd, Processes, RunningProcess } from '../../../../src/platform/processes.ts'
import { silentLog } from '../../../support/silent-log.ts'

let directory: string
let daemon: Smcrouted | undefined
const said: string[] = []
const log: Logger = Object.assign(Object.create(silentLog), {
  warn: (text: unknown) => said.push(String(text)),
  error: (text: unknown) => said.push(String(text)),
})
/** A clock on which seconds pass in 10 ms. */
const clock = {
  ...systemClock,
  sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
  after: (ms: number, action: () => void) => systemClock.after(ms / 100, action),
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'smc-'))
  said.length = 0
})
afterEach(async () => {
  await daemon?.[Symbol.asyncDispose]()
  expect(readdirSync(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

/** Stands in for smcrouted, which needs root: says when it is ready, and what it read. */
class FakeSmcrouted {
  readonly read: string[] = []
  isMissing = false
  looks = 0
  answers = true
  running: { end: (end: ProcessEnd) => void; line: (line: string) => void } | undefined
  readonly processes: Processes = {
    run: async () => {
      this.looks++
      if (this.isMissing) throw new Error('spawn smcrouted ENOENT')
      return { stdout: 'SMCRoute v2.5.6', stderr: '' }
    },
    start: (_, args, options) => this.#start(args, (line) => options?.onLine?.(line, 'stderr')),
  }

  #start(args: readonly string[], line: (line: string) => void): RunningProcess {
    const file = args[args.indexOf('-f') + 1] ?? ''
    let end: (end: ProcessEnd) => void = () => {}
    const ended = new Promise<ProcessEnd>((resolve) => {
      end = resolve
    })
    this.running = { end, line }
    const load = () => {
      this.read.push(readFileSync(file, 'utf8'))
      if (this.answers) line('re6stnet[1]: Ready, waiting for client request or kernel event.')
    }
    setImmediate(load)
    const signal = (name: NodeJS.Signals) =>
      name === 'SIGHUP' ? setImmediate(load) : end({ kind: 'killed', signal: name })
    return {
      pid: 1,
      ended,
      signal,
      write: () => {},
      endInput: () => {},
      stop: () => {
        signal('SIGTERM')
        return ended
      },
    }
  }
}

const start = (fake: FakeSmcrouted) => {
  daemon = new Smcrouted({ processes: fake.processes, clock, log, runDirectory: directory }, 'one\n')
  return daemon
}
const until = (what: string, condition: () => boolean) => waitFor(condition, { what, deadlineMs: 10_000 })

describe('smcrouted', () => {
  it('is given its configuration, and each new one', async () => {
    const fake = new FakeSmcrouted()
    const smcrouted = start(fake)
    expect(smcrouted.trouble).toBe('smcrouted is being started')
    await until('the first', () => smcrouted.settledSinceMs !== undefined)
    smcrouted.configure('two\n')
    expect(smcrouted.trouble).toBeUndefined()
    expect(smcrouted.settledSinceMs).toBeUndefined()
    smcrouted.configure('three\n')
    await until('the last', () => smcrouted.settledSinceMs !== undefined)
    expect(fake.read.at(0)).toBe('one\n')
    expect(fake.read.at(-1)).toBe('three\n')
  })

  it('is started again when it dies, with what it shall do now', async () => {
    const fake = new FakeSmcrouted()
    const smcrouted = start(fake)
    await until('the first', () => smcrouted.settledSinceMs !== undefined)
    smcrouted.configure('two\n')
    fake.running?.end({ kind: 'killed', signal: 'SIGKILL' })
    await until('the next one', () => fake.read.at(-1) === 'two\n' && smcrouted.settledSinceMs !== undefined)
    expect(said.join()).toMatch(/smcrouted ended \(signal SIGKILL\)/)
  })

  it('that does not answer is ended, and started again', async () => {
    const fake = new FakeSmcrouted()
    fake.answers = false
    const smcrouted = start(fake)
    await until('the second', () => fake.read.length > 1)
    expect(smcrouted.trouble).toMatch(/did not answer/)
    fake.answers = true
    await until('an answer', () => smcrouted.settledSinceMs !== undefined)
    expect(said.join()).toMatch(/did not answer/)
  })

  it('is missed in one line that names its package, and used when it is there', async () => {
    const fake = new FakeSmcrouted()
    fake.isMissing = true
    const smcrouted = start(fake)
    await until('a word', () => said.length > 0)
    await until('some more starts', () => fake.looks > 2)
    expect(smcrouted.trouble).toMatch(/apt-get install smcroute/)
    fake.isMissing = false
    await until('the first', () => smcrouted.settledSinceMs !== undefined)
    expect(said).toEqual([expect.stringMatching(/apt-get install smcroute/)])
  })

  it('that finds another multicast router says so', async () => {
    const fake = new FakeSmcrouted()
    const smcrouted = start(fake)
    await until('the first', () => smcrouted.settledSinceMs !== undefined)
    fake.running?.line('re6stnet[1]: IPv4 multicast routing API already in use: Address already in use')
    expect(said).toEqual([])
    fake.running?.line(`re6stnet[1]: Parse error in ${directory}/smcroute.conf`)
    expect(said).toEqual([expect.stringMatching(/systemctl disable --now smcroute/)])
    fake.running?.line('re6stnet[1]: Ready, waiting for client request or kernel event.')
    expect(smcrouted.trouble).toMatch(/systemctl disable --now smcroute/)
  })

  it('leaves nothing, also what a killed one left', async () => {
    writeFileSync(join(directory, 'smcroute.sock'), '')
    const fake = new FakeSmcrouted()
    start(fake)
    await until('the first', () => fake.read.length === 1)
  })
})
