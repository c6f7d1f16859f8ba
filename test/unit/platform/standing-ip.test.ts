import { afterEach, describe, expect, it } from 'vitest'
import { type Processes, type RunningProcess, systemProcesses } from '../../../src/platform/processes.ts'
import { LINES_OF_ONE_IP, withStandingIp } from '../../../src/platform/standing-ip.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

/** All that was started, by its arguments; what had a process of its own begins with `run`. */
let begun: string[] = []
const counted: Processes = {
  start(command, args, options) {
    begun.push(`start ${[command, ...args].join(' ')}`)
    return systemProcesses.start(command, args, options)
  },
  run(command, args, options) {
    begun.push(`run ${[command, ...args].join(' ')}`)
    return systemProcesses.run(command, args, options)
  },
}
/** Stands still: a machine that has more to do may take as long as it likes. */
const clock = steppedClock()
const processes = withStandingIp(counted, clock)
afterEach(async () => {
  await processes[Symbol.asyncDispose]()
  begun = []
})

/** Another one, and all that it has started. */
function watched() {
  const started: RunningProcess[] = []
  const start: Processes['start'] = (...words) => {
    const running = counted.start(...words)
    started.push(running)
    return running
  }
  const other = withStandingIp({ ...counted, start }, clock)
  return { other, started, show: () => other.run('ip', ['-j', 'addr', 'show', 'dev', 'lo']) }
}

const STANDING = 'start ip -force -j -details -batch -'
const showLoopback = async () => {
  const { stdout } = await processes.run('ip', ['-j', 'addr', 'show', 'dev', 'lo'])
  return JSON.parse(stdout) as { ifname: string }[]
}

describe('one ip for many commands', () => {
  it('gives each what it asked for', async () => {
    const [link, [route], link6] = await Promise.all([
      showLoopback(),
      processes
        .run('ip', ['-j', '-4', 'route', 'get', '127.0.0.1'])
        .then(({ stdout }) => JSON.parse(stdout) as { dst: string }[]),
      processes.run('ip', ['-j', '-6', 'addr', 'show', 'dev', 'lo']),
    ])
    expect(link).toMatchObject([{ ifname: 'lo' }])
    expect(route).toMatchObject({ dst: '127.0.0.1' })
    expect(() => JSON.parse(link6.stdout)).not.toThrow()
    expect(begun).toEqual(['', '-4 ', '-6 '].map((family) => `start ip -force -j -details ${family}-batch -`))
  })

  it('says what is wrong as an ip of its own does, and goes on', async () => {
    const wrong = ['link', 'set', 'dev', 'nosuch', 'up']
    const reason = await systemProcesses.run('ip', wrong).catch(String)
    await expect(processes.run('ip', wrong)).rejects.toThrow(String(reason).replace(/^\w+: /, ''))
    expect(begun).toEqual([STANDING, `run ip ${wrong.join(' ')}`])
    expect(await showLoopback()).toMatchObject([{ ifname: 'lo' }])
    expect(begun.slice(2)).toEqual([STANDING])
  })

  it('does a batch up to what fails, and has the rest done by an ip of its own', async () => {
    const input = 'route get 127.0.0.1\nlink set dev nosuch up\nlink set dev nosuch mtu 1400\n'
    await expect(processes.run('ip', ['-batch', '-'], { input })).rejects.toThrow(/nosuch/)
    expect(begun.filter((words) => words.startsWith('run'))).toEqual(['run ip -batch -'])
  })

  it('is begun anew after some hundreds, since it never gives back memory', async () => {
    for (let asked = 0; asked <= LINES_OF_ONE_IP; asked++) expect(await showLoopback()).toHaveLength(1)
    // A mark behind each command, and one before the first.
    expect(begun).toEqual([STANDING, STANDING, STANDING])
  })

  it('is begun anew when it was killed, and nothing is lost', async () => {
    const { other, started, show } = watched()
    await using _ = other
    await show()
    process.kill(started[0]?.pid ?? 0, 'SIGKILL')
    expect((await show()).stdout).toContain('"lo"')
    expect((await show()).stdout).toContain('"lo"')
  })

  it('is gone when it is not needed any more, also one that stands still', async () => {
    const { other, started, show } = watched()
    await show()
    const pid = started[0]?.pid ?? 0
    process.kill(pid, 'SIGSTOP')
    await other[Symbol.asyncDispose]()
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/)
  })

  it('is begun again after one could not be started, as on a machine without memory', async () => {
    let hasMemory = false
    const error = new Error('spawn ENOMEM')
    const unable = { pid: undefined, signal() {}, write() {}, endInput() {} }
    const ended = Promise.resolve({ kind: 'not-started', error } as const)
    await using other = withStandingIp(
      {
        ...counted,
        start: (...words) => (hasMemory ? counted.start(...words) : { ...unable, ended, stop: () => ended }),
      },
      clock,
    )
    const show = () => other.run('ip', ['-j', 'addr', 'show', 'dev', 'lo'])
    await show()
    hasMemory = true
    await show()
    expect(begun).toEqual(['run ip -j addr show dev lo', STANDING])
  })

  it('does nothing twice where it does not tell that something is done', async () => {
    const silent: Processes = {
      start: (_command, _args, options) =>
        counted.start('sh', ['-c', 'while read -r words; do :; done'], options),
      run: counted.run,
    }
    const passing = steppedClock()
    await using other = withStandingIp(silent, passing)
    const show = () => other.run('ip', ['-j', 'addr', 'show', 'dev', 'lo'])
    const first = show()
    await expect.poll(() => begun).toHaveLength(1)
    await passing.pass(5_000)
    expect((await first).stdout).toContain('"lo"')
    await show()
    expect(begun.map((words) => words.slice(0, 6))).toEqual(['start ', 'run ip', 'run ip'])
  })

  it('leaves to one of their own what does not end, prints text, changes what is shown later, or may be about another interface of that name', async () => {
    for (const args of [
      ['addr', 'show', 'dev', 'lo'],
      ['-j', 'link', 'show', 'dev', 'lo'],
      ['-o', 'link', 'show', 'dev', 'lo'],
      ['-j', '-6', 'neigh', 'show', '::1', 'dev', 'nosuch'],
      ['-j', 'addr', 'show', 'two words'],
      ['-j'],
    ]) {
      begun = []
      await processes.run('ip', args).catch(() => {})
      expect(begun).toEqual([`run ip ${args.join(' ')}`])
    }
  })
})
