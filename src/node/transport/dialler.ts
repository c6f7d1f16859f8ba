import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { codeOf } from '../../core/errors.ts'
import { isDatagram } from '../../core/openvpn/arguments.ts'
import { hardReset, isHardResetAnswer, SESSION_ID_LENGTH } from '../../core/openvpn/hard-reset.ts'
import type { DialResult } from '../../core/session/dial.ts'
import { formatAddressList, type PeerAddress } from '../../core/values/address-list.ts'

/** A way halfway round the world and back, and a lost packet. */
const TIMEOUT_MS = 3_000
/** A datagram may be lost. */
const DATAGRAM_RETRY_MS = 1_000

/** Tries whether OpenVPN servers answer at these addresses. Never rejects. */
export const dialAll = (addresses: readonly PeerAddress[]): Promise<DialResult[]> =>
  Promise.all(
    addresses.map(async (address) => {
      const reason = await reasonAgainst(address)
      return {
        address: formatAddressList([address], { withCountry: false }),
        reached: reason === undefined,
        reason,
      }
    }),
  )

async function reasonAgainst(address: PeerAddress): Promise<string | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const answered = isDatagram(address.protocol)
      ? askByDatagram(address, signal)
      : askByStream(address, signal)
    return (await answered) ? undefined : 'what answers there is no OpenVPN server'
  } catch (error) {
    if (signal.aborted) return 'no answer'
    const code = codeOf(error)
    return code === 'ECONNREFUSED' ? 'connection refused' : code || 'no answer'
  }
}

async function askByStream({ host, port }: PeerAddress, signal: AbortSignal): Promise<boolean> {
  const socket = connect({ host, port, signal })
  socket.on('error', () => {}) // after the answer, nobody wants to know
  try {
    await once(socket, 'connect', { signal })
    socket.write(hardReset(randomBytes(SESSION_ID_LENGTH), { isStream: true }))
    const [answer] = (await once(socket, 'data', { signal })) as [Buffer]
    return isHardResetAnswer(answer, { isStream: true })
  } finally {
    socket.destroy()
  }
}

async function askByDatagram({ host, port, protocol }: PeerAddress, signal: AbortSignal): Promise<boolean> {
  const socket = createSocket(protocol === 'udp6' ? 'udp6' : 'udp4')
  socket.on('error', () => {})
  const packet = hardReset(randomBytes(SESSION_ID_LENGTH), { isStream: false })
  try {
    socket.connect(port, host)
    await once(socket, 'connect', { signal })
    const send = () => socket.send(packet)
    send()
    const timer = setInterval(send, DATAGRAM_RETRY_MS)
    try {
      const [answer] = (await once(socket, 'message', { signal })) as [Buffer]
      return isHardResetAnswer(answer, { isStream: false })
    } finally {
      clearInterval(timer)
    }
  } finally {
    socket.close()
  }
}
