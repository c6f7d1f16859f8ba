import { withLab } from '../lab/lab.ts'
import { Miniupnpd, type MiniupnpdOptions } from '../lab/miniupnpd.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import { median } from './statistics.ts'

/** From the start of a node until the gateway forwards its ports, seconds. */
export interface PortMappingResult {
  readonly method: string
  readonly seconds: number
}

const ROUNDS = 3
const DEADLINE_MS = 60_000

/** What the gateway speaks; the node always tries everything. */
const GATEWAYS: readonly (MiniupnpdOptions & { readonly method: string })[] = [
  { method: 'PCP', upnp: false, natPmp: false },
  { method: 'NAT-PMP', upnp: false, pcp: false },
  { method: 'UPnP', natPmp: false, pcp: false },
]

/** Starts a node with a cache behind each kind of gateway. */
export function measurePortMapping(): Promise<PortMappingResult[]> {
  return withLab({ name: 'mapping' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const gateway = await lab.nat('home')
    const network = await Re6stNetwork.create(lab, { registryOn })
    await network.join(registryOn)
    const node = await network.enrol(await lab.host('node', { on: gateway.lan }))
    const daemon = await Miniupnpd.start(lab, gateway)
    const results: PortMappingResult[] = []
    const forwards = () => node.log().match(/the gateway forwards/g)?.length ?? 0
    let expected = 0
    for (const { method, ...options } of GATEWAYS) {
      await daemon.restart(options)
      const seconds: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        const startMs = performance.now()
        node.start('--ip', 'upnp')
        expected++
        await lab.waitFor(() => forwards() === expected, {
          what: `a mapping by ${method}`,
          deadlineMs: DEADLINE_MS,
          intervalMs: 10,
        })
        seconds.push((performance.now() - startMs) / 1000)
        await node.stop()
      }
      results.push({ method, seconds: median(seconds) })
    }
    return results
  })
}
