import { createSocket, type Socket } from 'node:dgram'
import { BABEL_GROUP, BABEL_PORT } from '../../../core/babel/wire/numbers.ts'
import { RECEIVE_BUFFER_BYTES } from '../../../core/kernel/receive-buffer.ts'

/** A datagram as it was read. */
export interface ReceivedDatagram {
  readonly bytes: Uint8Array
  /** Link-local address of the sender, without a zone. */
  readonly source: string
  /** Where it was sent to: the group, or our own link-local address. */
  readonly destination: string
}

/** Where Babel is spoken on one interface. */
export interface BabelSockets {
  /** To one neighbour, or to all. What cannot be sent is lost, as on the way. */
  send(bytes: Uint8Array, to?: string): void
  close(): void
}

interface BabelSocketsInit {
  readonly iface: string
  /** Our own link-local address on it, without a zone. */
  readonly address: string
  /** Called as soon as it is read. */
  readonly onDatagram: (datagram: ReceivedDatagram) => void
  /** Called once, when nothing is heard any more: the interface is gone. */
  readonly onError: (error: Error) => void
}

/** Addresses here are numbers: nothing is looked up, and what is sent leaves at once. */
const noLookup = (
  address: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void => done(null, address, 6)

/**
 * Opens the sockets of an interface: one for the group and one for our own address, so that it is known of each packet
 * where it was sent to, which its MAC covers (RFC 8967, 4.1). Packets leave from our own address.
 * @throws Error when the interface or its address cannot be used (yet)
 */
export async function openBabelSockets(init: BabelSocketsInit): Promise<BabelSockets> {
  const { iface, address, onError } = init
  let isOpen = true
  const sockets: Socket[] = []
  const close = () => {
    isOpen = false
    for (const socket of sockets.splice(0)) socket.close()
  }
  const opened = async (destination: string): Promise<Socket> => {
    const socket = createSocket({
      type: 'udp6',
      reuseAddr: true,
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      lookup: noLookup as never,
    })
    sockets.push(socket)
    socket.on('message', (bytes, { address: sender, port }) => {
      // RFC 8966, 4: what does not come from the link, and from the port, is no Babel.
      if (isOpen && port === BABEL_PORT && isLinkLocal(sender))
        init.onDatagram({ bytes, source: withoutZone(sender), destination })
    })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind({ port: BABEL_PORT, address: `${destination}%${iface}`, exclusive: true }, () => {
        socket.off('error', reject)
        resolve()
      })
    })
    socket.on('error', (error) => {
      if (!isOpen) return
      close()
      onError(error)
    })
    return socket
  }
  try {
    const group = await opened(BABEL_GROUP)
    group.addMembership(BABEL_GROUP, `::%${iface}`)
    const own = await opened(address)
    // RFC 8966, 4: a hop count of 1.
    own.setTTL(1)
    own.setMulticastTTL(1)
    own.setMulticastInterface(`::%${iface}`)
    own.setMulticastLoopback(false)
    return {
      send(bytes, to = BABEL_GROUP) {
        // Without the zone, which the socket has from its own address: Node.js would ask the kernel for its number each time.
        // And without a callback, which would only be told of what is to be ignored: no route, no room. The protocol says all again.
        if (isOpen) own.send(bytes, BABEL_PORT, to)
      },
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}

const isLinkLocal = (address: string): boolean => /^fe[89ab]/.test(address)

function withoutZone(address: string): string {
  const end = address.indexOf('%')
  return end < 0 ? address : address.slice(0, end)
}
