import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TunnelProtocol } from '../../../../src/core/values/address-list.ts'
import { dialAll } from '../../../../src/node/transport/dialler.ts'

/** As an OpenVPN server answers; the rest does not matter. */
const RESET = Buffer.from('40aabbccddeeff00110100000000010203040506070800000000', 'hex')

const openvpn = createServer((socket) => void socket.end(Buffer.concat([Buffer.of(0, RESET.length), RESET])))
const web = createServer((socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
const datagrams = createSocket('udp4')
const deaf = createSocket('udp4')

beforeAll(async () => {
  for (const server of [openvpn, web]) await once(server.listen(0, '127.0.0.1'), 'listening')
  datagrams.on('message', (_, { port, address }) => datagrams.send(RESET, port, address))
  for (const socket of [datagrams, deaf]) {
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
  }
})
afterAll(() => {
  for (const server of [openvpn, web, datagrams, deaf]) server.close()
})

const at = (server: { address(): unknown }, protocol: TunnelProtocol) => ({
  host: '127.0.0.1',
  port: (server.address() as AddressInfo).port,
  protocol,
  country: 'FR',
})

it('says which servers were reached, and why others were not', async () => {
  const unused = createServer().listen(0, '127.0.0.1')
  await once(unused, 'listening')
  const closed = at(unused, 'tcp')
  unused.close()
  await once(unused, 'close')
  const results = await dialAll([
    at(openvpn, 'tcp'),
    at(datagrams, 'udp'),
    at(web, 'tcp'),
    closed,
    at(deaf, 'udp'),
    { ...closed, protocol: 'udp' },
  ])
  expect(results.map(({ reached, reason }) => (reached ? 'reached' : reason))).toEqual([
    'reached',
    'reached',
    'what answers there is no OpenVPN server',
    'connection refused',
    'no answer',
    'connection refused',
  ])
  expect(results[0]?.address).toBe(`127.0.0.1,${at(openvpn, 'tcp').port},tcp`)
})
