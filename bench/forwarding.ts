import { withLab } from '../lab/lab.ts'
import { Re6stNetwork } from '../lab/re6st-network.ts'
import { startIperfServer, udpStream } from './iperf.ts'
import { median } from './statistics.ts'

/** What a node carries between two others. */
export interface ForwardingResult {
  readonly what: string
  /** Packets a second that arrive, median. */
  readonly packetsPerSecond: number
}

const ROUNDS = 5
const SECONDS = 2
/** Of UDP payload: the cost is of the packet, not of its bytes. */
const SMALL_PACKET_BYTES = 64
const DEADLINE_MS = 60_000

/** Small packets from one node to another, neither of which has a tunnel but with the one between them. */
export async function measureForwarding(): Promise<ForwardingResult[]> {
  const results: ForwardingResult[] = []
  for (const protocol of ['tcp', 'udp'] as const)
    for (const encrypt of [false, true])
      results.push({
        what: `${protocol}, ${encrypt ? 'encrypted' : 'not encrypted'}`,
        packetsPerSecond: await packetsThrough(protocol, encrypt),
      })
  return results
}

function packetsThrough(protocol: 'tcp' | 'udp', encrypt: boolean): Promise<number> {
  return withLab({ name: 'forwarding' }, async (lab) => {
    const registryOn = await lab.host('middle')
    const registryOptions = encrypt ? ['--encrypt'] : []
    const network = await Re6stNetwork.create(lab, { registryOn, registryOptions })
    const nodeOptions = ['--disable-proto', protocol === 'tcp' ? 'udp' : 'tcp', '--pp', '1194', protocol]
    await network.join(registryOn, { nodeOptions })
    const remote = `${registryOn.addresses.ipv4},1194,${protocol}`
    const only = ['--client', remote, '--disable-proto', 'none']
    const from = await network.join(await lab.host('from'), { nodeOptions: only })
    const to = await network.join(await lab.host('to'), { nodeOptions: only })
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    startIperfServer(to.machine)
    const target = { address: to.address, seconds: SECONDS }
    const rates: number[] = []
    for (let round = 0; round < ROUNDS; round++)
      rates.push(
        await lab.waitFor(
          async () => (await udpStream(from.machine, target, SMALL_PACKET_BYTES)).packetsPerSecond,
          { what: 'a stream through the node in the middle', deadlineMs: DEADLINE_MS },
        ),
      )
    return median(rates)
  })
}
