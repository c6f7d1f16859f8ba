// Runs a port mapper in the namespace where it is started, and tells its state and its log, one JSON per line.
import { natPmpMethod } from '../../src/node/port-mapping/nat-pmp-method.ts'
import { pcpMethod } from '../../src/node/port-mapping/pcp-method.ts'
import { createPortMapper, type PortToMap } from '../../src/node/port-mapping/port-mapper.ts'
import { upnpMethod } from '../../src/node/port-mapping/upnp-method.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openLog } from '../../src/platform/log.ts'
import { systemProcesses } from '../../src/platform/processes.ts'

const { ports, stateFile, methods } = JSON.parse(process.argv[2] ?? '') as {
  ports: PortToMap[]
  stateFile: string
  methods?: string[]
}
const all = [pcpMethod(systemClock), natPmpMethod(systemClock), upnpMethod(systemClock)]
const mapper = createPortMapper({
  listeners: ports,
  clock: systemClock,
  random: { next: Math.random },
  log: openLog({ verbosity: 3 }).logger,
  processes: systemProcesses,
  stateFile,
  isExpected: true,
  methods: all.filter(({ name }) => methods?.includes(name) ?? true),
})
mapper.watch((state) => console.log(JSON.stringify({ state: state ?? null })))
// Nothing else keeps this process alive between two looks at the gateway.
const alive = setInterval(() => {}, 1000)
process.once('SIGTERM', () => void mapper[Symbol.asyncDispose]().then(() => clearInterval(alive)))
