import type { LabProcess } from '../../lab/lab-process.ts'
import type { Machine } from '../../lab/machine.ts'

/** Where a stream begins or ends: a node, or another machine. */
interface Place {
  readonly name: string
  readonly machine: Machine
}

/** Where programs of a node send and receive multicast. */
const HOST_IFACE = 're6stnet-mc'
const PORT = 5_000
const INTERVAL_MS = 50

/** A program that sends a numbered packet to a group each 50 ms. @param iface that of a node's programs by default */
export const sendStream = (
  { machine }: Pick<Place, 'machine'>,
  group: string,
  iface = HOST_IFACE,
): LabProcess =>
  machine.start(
    [
      process.execPath,
      '-e',
      `const socket = require('node:dgram').createSocket('udp6')
       socket.bind(0, () => {
         socket.setMulticastInterface('::%${iface}')
         socket.setMulticastTTL(16)
         let number = 0
         setInterval(() => socket.send(String(number++), ${PORT}, '${group}'), ${INTERVAL_MS})
       })`,
    ],
    { name: `sender to ${group}` },
  )

/** A program that receives a group. */
export class StreamReceiver {
  readonly name: string
  readonly #machine: Machine
  readonly #process: LabProcess
  readonly #numbers: number[] = []
  readonly #sources = new Set<string>()

  /**
   * @param from the only source wanted; any by default
   * @param iface that of a node's programs by default
   */
  constructor(
    { name, machine }: Place,
    group: string,
    from?: { readonly address: string },
    iface = HOST_IFACE,
  ) {
    this.name = name
    this.#machine = machine
    const join = from
      ? `addSourceSpecificMembership('${from.address}', '${group}', '::%${iface}')`
      : `addMembership('${group}', '::%${iface}')`
    this.#process = machine.start(
      [
        process.execPath,
        '-e',
        `const socket = require('node:dgram').createSocket({ type: 'udp6', reuseAddr: true })
         socket.on('message', (text, from) => console.log(String(text), from.address))
         socket.bind(${PORT}, '::', () => socket.${join})`,
      ],
      { name: `receiver of ${group}`, onLine: (line) => this.#received(line) },
    )
  }

  /** How many packets came. */
  get count(): number {
    return this.#numbers.length
  }

  /** Packets that came twice. */
  get duplicates(): number {
    return this.#numbers.length - new Set(this.#numbers).size
  }

  /** Who sent them. */
  get sources(): readonly string[] {
    return [...this.#sources].sort()
  }

  /** What the kernel of its machine knows, and what smcrouted was told: for the person who wonders why nothing comes. */
  async surroundings(): Promise<string> {
    const script = 'cd /proc/net; grep . igmp6 mcfilter6 ip6_mr_vif ip6_mr_cache "$1"/run/smcroute.conf'
    const { stdout } = await this.#machine.capture('sh', '-c', script, 'sh', this.#machine.directory)
    return `--- around the receiver on ${this.name}\n${stdout}`
  }

  /** Leaves the group. */
  async stop(): Promise<void> {
    await this.#process.stop()
  }

  #received(line: string): void {
    const [number, source = ''] = line.split(' ')
    this.#numbers.push(Number(number))
    this.#sources.add(source)
  }
}
