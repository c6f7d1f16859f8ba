// Runs our own router in the namespace where it is started: a call in each line that it reads, what happens in each that it
// writes; with the argument `unwatched`, only what becomes of the calls.
import { createInterface } from 'node:readline'
import { KernelEvents } from '../../src/node/kernel/kernel-events.ts'
import { createRe6stRouter } from '../../src/node/routing/babel/router.ts'
import type { RouterSettings } from '../../src/node/routing/router.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openLog } from '../../src/platform/log.ts'
import { systemProcesses } from '../../src/platform/processes.ts'
import { keepHeapSmall } from '../../src/platform/small-heap.ts'
import { type RouterCall, type RouterEvent, revived } from './router-calls.ts'

// As the daemon does.
keepHeapSmall()
const surroundings = {
  processes: systemProcesses,
  clock: systemClock,
  log: openLog({ verbosity: 4 }).logger,
}
const events = new KernelEvents(surroundings)
events.start()
const router = createRe6stRouter({ ...surroundings, events, random: { next: Math.random } })
const tell = (event: RouterEvent) => process.stdout.write(`@${JSON.stringify(event)}\n`)
if (!process.argv.includes('unwatched')) router.watch((change) => tell({ kind: 'change', change }))
const calls: Record<RouterCall['method'], (args: readonly unknown[]) => unknown> = {
  start: ([settings]) => router.start(settings as RouterSettings, new AbortController().signal),
  addInterface: (args) => router.addInterface(...(args as Parameters<typeof router.addInterface>)),
  removeInterface: (args) => router.removeInterface(...(args as Parameters<typeof router.removeInterface>)),
  setDraining: ([isDraining]) => router.setDraining(isDraining as boolean),
  setCost: (args) => router.setCost(...(args as Parameters<typeof router.setCost>)),
  neighbourGone: (args) => router.neighbourGone(...(args as Parameters<typeof router.neighbourGone>)),
  leaveInterface: (args) => router.leaveInterface(...(args as Parameters<typeof router.leaveInterface>)),
  setKeys: (args) => router.setKeys(...(args as Parameters<typeof router.setKeys>)),
  reconfigure: (args) => router.reconfigure(...(args as Parameters<typeof router.reconfigure>)),
  explain: (args) => router.explain(...(args as Parameters<typeof router.explain>)),
  occupy: ([ms]) => occupy(ms as number),
  stop: () => router.stop(),
}
/** The event loop has much else to do: for so long, again and again, with pauses as long. */
function occupy(ms: number): void {
  const work = () => {
    const endMs = performance.now() + ms
    while (performance.now() < endMs);
  }
  setInterval(work, 2 * ms)
}
const input = createInterface({ input: process.stdin })
input.on('line', (line) => {
  const { number, method, args } = JSON.parse(line, revived) as RouterCall
  const done = async () => {
    const result = await calls[method](args)
    tell({ kind: 'done', number, result })
    if (method !== 'stop') return
    await events[Symbol.asyncDispose]()
    process.exit(0)
  }
  done().catch((error: unknown) => tell({ kind: 'failed', number, reason: String(error) }))
})
input.on('close', () => process.exit(0))
