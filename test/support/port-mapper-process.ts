// Runs a port mapper in the namespace where it is started, and tells its state and its log, one per line.
import { createPortMapper, type PortToMap } from '../../src/node/port-mapping/port-mapper.ts'
import { openLog } from '../../src/platform/log.ts'
import { systemProcesses } from '../../src/platform/processes.ts'
import { fastClock } from './fast-clock.ts'

const { ports, stateFile, speed } = JSON.parse(process.argv[2] ?? '') as {
  ports: PortToMap[]
  stateFile: string
  speed: number
}
const mapper = createPortMapper({
  listeners: ports,
  clock: fastClock(speed),
  random: { next: Math.random },
  log: openLog({ verbosity: 3 }).logger,
  processes: systemProcesses,
  stateFile,
  isExpected: true,
})
mapper.watch((state) => console.log(`state ${JSON.stringify(state ?? null)}`))
// Nothing else keeps this process alive between two looks at the gateway.
const alive = setInterval(() => {}, 1000)
process.once('SIGTERM', () => void mapper[Symbol.asyncDispose]().then(() => clearInterval(alive)))
