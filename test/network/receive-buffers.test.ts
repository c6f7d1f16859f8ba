import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { RECEIVE_BUFFER_BYTES } from '../../src/core/kernel/receive-buffer.ts'
import { createKernel } from '../../src/node/kernel/kernel.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { procSysctls } from '../../src/platform/sysctls.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../support/namespace.ts'
import { silentEvents } from '../support/silent-events.ts'
import { silentLog } from '../support/silent-log.ts'

const SCRIPT = fileURLToPath(new URL('../support/full-sockets-process.ts', import.meta.url))
const DEADLINE_MS = 60_000
/** 10,000 routes of some 30 bytes from each of twenty neighbours, in packets of 1300. */
const PACKETS = 20 * Math.ceil((10_000 * 30) / 1_300)

/** The only setting that a namespace has not of its own: until disposed of, it is as a node has it. */
async function asWithNode({ processes, sysctls }: Namespace, directory: string): Promise<AsyncDisposable> {
  const of = (path: string) => (path.startsWith('net/core/') ? procSysctls : sysctls)
  const kernel = createKernel({
    ...{ processes, clock: systemClock, log: silentLog, events: silentEvents },
    stateFile: join(directory, 'kernel.json'),
    sysctls: {
      read: (path) => of(path).read(path),
      write: (path, value) => of(path).write(path, value),
    },
  })
  await kernel.prepare([])
  await kernel.allowReceiveBuffers(RECEIVE_BUFFER_BYTES)
  return { [Symbol.asyncDispose]: () => kernel.stop() }
}

const linkLocalOf = ({ ip }: Namespace): string =>
  /inet6 (fe80::[0-9a-f:]+)\/64/.exec(ip('addr show dev tap'))?.[1] ?? ''

it('a full table of each of twenty neighbours at once has room while the node is busy', async () => {
  const directory = mkdtempSync(join(tmpdir(), 're6st-buffers-'))
  using reading = makeNamespace('buffers')
  using sending = makeNamespace('buffers')
  joinNamespaces(reading, 'tap', sending, 'tap')
  await using _ = await asWithNode(reading, directory)
  const lines: string[] = []
  const start = ({ processes }: Namespace, ...args: string[]) =>
    processes.start(process.execPath, ['--import', 'tsx', SCRIPT, ...args], {
      ...{ withInput: true, dieWithParent: true, onLine: (line: string) => lines.push(line) },
    })
  const said = (line: RegExp) =>
    waitFor(() => lines.find((one) => line.test(one)), { what: String(line), deadlineMs: DEADLINE_MS })
  const over = join(directory, 'over')
  const reader = start(reading, 'read', linkLocalOf(reading), over)
  await said(/^open$/)
  reader.write('busy\n')
  await said(/^busy$/)
  start(sending, 'send', linkLocalOf(sending), String(PACKETS))
  await said(/^sent$/)
  writeFileSync(over, '')
  await said(/^read /)
  expect(lines.at(-1)).toBe(`read ${PACKETS}`)
  rmSync(directory, { recursive: true })
})
