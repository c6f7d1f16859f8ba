import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { StatusReply } from '../../../src/core/control/replies.ts'
import { waitForConnection } from '../../../src/ctl/connection.ts'
import { ControlServer } from '../../../src/node/control/control-server.ts'
import { examplesOfDocument } from '../../support/control-examples.ts'
import { silentLog } from '../../support/silent-log.ts'

const { status, tunnels, routes, probe, drain, explain, trace, events } = examplesOfDocument()
const CUT_OFF = { ...status, connected: false }

let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 're6st-wait-')), 'control.sock')
})

/** Waits for at most a minute by a held clock, with what happens at each time that it sleeps. @returns how often it slept */
async function waitWith(...events: readonly (() => unknown)[]): Promise<number> {
  let [nowMs, slept] = [0, 0]
  const clock = {
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms
      await events[slept++]?.()
    },
  }
  await waitForConnection(path, clock, 60)
  return slept
}

const serve = (server: ControlServer, reply: StatusReply) =>
  server.serve({
    status: () => reply,
    tunnels: () => tunnels,
    routes: () => routes,
    explain: () => explain,
    trace: () => trace,
    events: () => events,
    probe: async () => probe,
    drain: () => drain,
  })

describe('waiting for a node', () => {
  it('that is started meanwhile, says that it is starting, is cut off, and is connected then', async () => {
    await using server = new ControlServer(path, silentLog)
    const slept = await waitWith(
      () => server.start(),
      () => serve(server, CUT_OFF),
      () => serve(server, status),
    )
    expect(slept).toBe(3)
  })

  it('ends with the time, and leaves it to others to say what there is', async () => {
    expect(await waitWith()).toBe(300)
  })

  it('the first node of a network has nobody to wait for', async () => {
    await using server = new ControlServer(path, silentLog)
    await server.start()
    serve(server, { ...CUT_OFF, name: CUT_OFF.registry.node })
    expect(await waitWith()).toBe(0)
  })

  it('is no use where there is no node but a file', async () => {
    path = join(path, '..', 'file')
    writeFileSync(path, '')
    expect(await waitWith()).toBe(300)
  })
})
