import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { runUpCommand, UserDaemons } from '../../../src/node/user-commands.ts'
import { systemProcesses } from '../../../src/platform/processes.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const components = { processes: systemProcesses, log: silentLog }
const environment = {
  re6stnet_iface: 'lo',
  re6stnet_ip: '2001:db8:42:5::1',
  re6stnet_subnet: '2001:db8:42:5::/64',
  re6stnet_network: '2001:db8:42::/48',
}

/** A process that ended but has not been waited for has no command line left. */
const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`).length > 0

test('--up sees the address, the subnet and the network', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 're6st-')), 'seen')
  await runUpCommand(
    components,
    `echo $re6stnet_iface $re6stnet_ip $re6stnet_subnet $re6stnet_network >${file}`,
    environment,
  )
  expect(await readFile(file, 'utf8')).toBe('lo 2001:db8:42:5::1 2001:db8:42:5::/64 2001:db8:42::/48\n')
})

test('a failing --up is an error that carries its status', async () => {
  await expect(runUpCommand(components, 'exit 7', environment)).rejects.toMatchObject({
    message: '--up exit 7: exit status 7',
    status: 7,
  })
})

/** Where the status of a node whose --up failed is a better one: others can tell that it failed. */
const BETTER: Readonly<Record<string, { readonly why: string; readonly exit: number }>> = {
  false: { why: 'it failed', exit: 1 },
  'exit 3': { why: 'the status is that of the command', exit: 3 },
  'nonesuch 2>/dev/null': { why: 'the same, of a shell that finds no such command', exit: 127 },
  'kill -9 $$': { why: 'a signal is no status', exit: 1 },
}

test.each(vectors<{ up: { up: string; exit: number; goes_on: boolean }[] }>('commands.json').up)(
  'the node goes on after --up, or ends, as recorded: $up',
  async ({ up, exit, goes_on: goesOn }) => {
    const run = runUpCommand(components, up, environment)
    if (goesOn) await run
    else await expect(run).rejects.toMatchObject({ status: BETTER[up]?.exit ?? exit })
  },
)

test('the daemons end with the node, their children too', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 're6st-')), 'pid')
  const daemons = new UserDaemons()
  daemons.start(components, [`sleep 1000 & echo $! >${file}; wait`], environment)
  const pid = await vi.waitFor(async () => {
    const text = await readFile(file, 'utf8')
    expect(text).toMatch(/^\d+\n$/)
    return Number(text)
  }, 20_000)
  expect(isAlive(pid)).toBe(true)
  await daemons[Symbol.asyncDispose]()
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 20_000)
})
