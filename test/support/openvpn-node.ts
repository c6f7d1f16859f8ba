import { createOpenvpnTransport } from '../../src/node/transport/openvpn-transport.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { systemProcesses } from '../../src/platform/processes.ts'
import { silentLog } from './silent-log.ts'

// A process to be killed: one server and one client tunnel, in the namespace in which it is run.
const [runDirectory = '', ca = '', cert = '', key = '', host = ''] = process.argv.slice(2)
const transport = createOpenvpnTransport({
  processes: systemProcesses,
  clock: systemClock,
  log: silentLog,
  runDirectory,
  logDirectory: runDirectory,
  files: { ca, cert, key },
  extraArguments: [],
  ovpnlog: false,
})
transport.connect({
  iface: 're6stnet1',
  prefix: undefined,
  remotes: [{ host, port: 1194, protocol: 'tcp', country: undefined }],
  onEvent: (event) => console.log(event.kind),
})
await transport.listen(
  {
    iface: 're6stnet-tcp',
    protocol: 'tcp',
    port: 1194,
    admit: () => ({ admit: true }),
    onEvent: (event) => console.log(event.kind),
  },
  AbortSignal.timeout(10_000),
)
