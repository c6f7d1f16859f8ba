import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../platform/log.ts'

const TABLE = '/proc/net/mcfilter6'
/** Of this machine only (RFC 4291, 2.7), and for a source by name (RFC 4607): nobody sends there. */
const ANCHOR = { source: '::1', group: 'ff31::8000:326', iface: '::%lo' } as const
const ANCHOR_LINE = /^ *\d+ +lo ff310000000000000000000080000326 /m

/**
 * Which sources were asked for by name, as the kernel's table has them. Linux begins to write that table only at an interface
 * whose last joined group has sources (igmp6_mcf_get_first; seen with 6.18): when somebody joins any other group, those of all
 * interfaces may vanish from it. So a group with a source is kept the last one of the first interface.
 */
export class SourceFilters implements Disposable {
  readonly #log: Logger
  #socket: Socket | undefined

  constructor(log: Logger) {
    this.#log = log
  }

  /** The text of the table. */
  async read(): Promise<string> {
    const text = await readFile(TABLE, 'latin1')
    if (ANCHOR_LINE.test(text)) return text
    try {
      await this.#join()
    } catch (error) {
      // Begun anew next time.
      this[Symbol.dispose]()
      this.#log.debug({ reason: messageOf(error) }, 'sources of multicast may not be seen')
      return text
    }
    return await readFile(TABLE, 'latin1')
  }

  /** Joins anew: the last one again. */
  async #join(): Promise<void> {
    const { source, group, iface } = ANCHOR
    if (this.#socket === undefined) {
      this.#socket = createSocket({ type: 'udp6' }).unref()
      this.#socket.bind(0, source)
      await once(this.#socket, 'listening')
    } else this.#socket.dropSourceSpecificMembership(source, group, iface)
    this.#socket.addSourceSpecificMembership(source, group, iface)
  }

  [Symbol.dispose](): void {
    this.#socket?.close()
    this.#socket = undefined
  }
}
