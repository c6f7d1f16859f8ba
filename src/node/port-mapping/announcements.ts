import { createSocket } from 'node:dgram'
import { ANNOUNCEMENT_GROUP, ANNOUNCEMENT_PORT } from '../../core/port-mapping/pcp.ts'

/**
 * Calls `heard` when the gateway announces by PCP or NAT-PMP that it restarted, or has another address (RFC 6887,
 * section 14.1; RFC 6886, section 3.2.1). What it says is not believed: it is a reason to ask. Where the port cannot
 * be had, nothing is heard.
 */
export function hearAnnouncements(heard: (from: string) => void): Disposable {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  let isOpen = true
  const close = () => {
    if (isOpen) socket.close()
    isOpen = false
  }
  socket.on('error', close)
  socket.on('message', (_, { address }) => heard(address))
  socket.bind(ANNOUNCEMENT_PORT, ANNOUNCEMENT_GROUP)
  socket.unref()
  return { [Symbol.dispose]: close }
}
