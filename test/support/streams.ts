import type { LabProcess } from '../../lab/lab-process.ts'
import type { Re6stNode } from '../../lab/re6st-node.ts'

/** Where programs of a node send and receive multicast. */
const HOST_IFACE = 're6stnet-mc'
const PORT = 5_000
const INTERVAL_MS = 50

/** A program on a node that sends a numbered packet to a group each 50 ms. */
export const sendStream = (node: Re6stNode, group: string): LabProcess =>
  node.machine.start(
    [
      process.execPath,
      '-e',
      `const socket = require('node:dgram').createSocket('udp6')
       socket.bind(0, () => {
         socket.setMulticastInterface('::%${HOST_IFACE}')
         socket.setMulticastTTL(16)
         let number = 0
         setInterval(() => socket.send(String(number++), ${PORT}, '${group}'), ${INTERVAL_MS})
       })`,
    ],
    { name: `sender to ${group}` },
  )

/** A program on a node that receives a group. */
export class StreamReceiver {
  readonly name: string
  readonly #process: LabProcess
  readonly #numbers: number[] = []
  readonly #sources = new Set<string>()

  /** @param from the only source wanted; any by default */
  constructor(node: Re6stNode, group: string, from?: Re6stNode) {
    this.name = node.name
    const join = from
      ? `addSourceSpecificMembership('${from.address}', '${group}', '::%${HOST_IFACE}')`
      : `addMembership('${group}', '::%${HOST_IFACE}')`
    this.#process = node.machine.start(
      [
        process.execPath,
        '-e',
        `const socket = require('node:dgram').createSocket('udp6')
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
