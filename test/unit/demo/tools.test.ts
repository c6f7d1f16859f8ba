import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { entryOf, writeTools } from '../../../demo/tools.ts'
import { programOf } from '../../../lab/programs.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { controlSocketIn } from '../../../src/core/options/node-options.ts'
import { ControlServer } from '../../../src/node/control/control-server.ts'
import { examplesOfDocument } from '../../support/control-examples.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'

/** A machine of the demo whose node is this process. */
async function machine() {
  // A directory of which a shell could make two words.
  const directory = join(temporaryDirectory(), "a machine's")
  const runDirectory = join(directory, 'run')
  mkdirSync(runDirectory, { recursive: true })
  const server = new ControlServer(controlSocketIn(runDirectory), silentLog)
  await server.start()
  const examples = examplesOfDocument()
  const asked: string[] = []
  const answer = <Name extends keyof typeof examples>(name: Name) => {
    return () => {
      asked.push(name)
      return examples[name]
    }
  }
  server.serve({
    ...{ status: answer('status'), tunnels: answer('tunnels'), routes: answer('routes') },
    ...{ explain: answer('explain'), trace: answer('trace'), events: answer('events') },
    ...{ probe: answer('probe'), drain: answer('drain') },
  })
  const node = {
    ...{ machine: { directory, namespace: 'demo-n1' }, runDirectory },
    commandLine: () => [...programOf('re6stnet'), '--registry', 'http://192.0.2.1/'],
  } as unknown as Re6stNode
  writeTools(node)
  const path = /PATH=(.*):\$PATH bash$/.exec(entryOf(node))?.[1]
  const re6st = (...args: string[]) =>
    // Whichever comes first on that path.
    execa('env', ['re6st', ...args], { env: { PATH: `${path}:${process.env['PATH']}` }, reject: false })
  return { asked, re6st, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

it('whoever enters a machine of the demo finds re6st there, which knows where its node is', async () => {
  await using one = await machine()
  for (const line of ['status', 'tunnels', 'routes', 'routes 5/16', 'trace 5/16', 'events', 'drain --undo']) {
    const { exitCode, stderr } = await one.re6st(...line.split(' '))
    expect([line, stderr, exitCode]).toEqual([line, '', expect.any(Number)])
  }
  expect(one.asked).toEqual(['status', 'tunnels', 'routes', 'explain', 'trace', 'events', 'drain'])
})

it('which also says what it can do, and gives the options of its node to what needs them', async () => {
  await using one = await machine()
  for (const args of [[], ['--help'], ['--version'], ['doctor', '--help'], ['status', '--help']]) {
    const { exitCode, stderr } = await one.re6st(...args)
    expect([args, stderr]).toEqual([args, args.length > 0 ? '' : expect.any(String)])
    if (args.length > 0) expect(exitCode).toBe(0)
  }
  expect((await one.re6st('join')).stderr).toContain('missing, but required: --registry URL')
  const { stderr } = await one.re6st('firewall')
  // That it lacks others is found only after it has read those.
  expect(stderr).toContain('--ca')
})
