import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openManagementConnection } from '../../../../src/node/transport/management-connection.ts'
import { awakeClock } from '../../../../src/platform/awake-clock.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

/** A conversation with an OpenVPN that says what the test says, at a time that the test holds. */
async function conversation(isStarved: () => boolean = () => false) {
  const path = join(temporaryDirectory(), 'management.sock')
  const server = createServer().listen(path)
  await once(server, 'listening')
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const openvpn = connect(path)
  const [socket] = await accepted
  server.close()
  const machine = steppedClock()
  const ends: (string | undefined)[] = []
  const connection = openManagementConnection({
    socket,
    clock: awakeClock(machine),
    isStarved: async () => isStarved(),
    onMessage: () => {},
    onEnd: (reason) => ends.push(reason),
  })
  openvpn.on('error', () => {})
  return { machine, openvpn, connection, ends }
}

it('an OpenVPN that does not answer is given up', async () => {
  const { machine, connection, ends } = await conversation()
  const answer = connection.command('pid\n')
  await machine.pass(10_000)
  expect(ends).toEqual(['openvpn does not answer "pid"'])
  expect(await answer).toMatchObject({ ok: false })
})

it('an answer that this process could not read for a minute is one', async () => {
  const { machine, openvpn, connection, ends } = await conversation()
  const answer = connection.command('pid\n')
  await machine.pass(9_000)
  openvpn.write('SUCCESS: pid=7\r\n')
  await machine.stall(60_000)
  expect(await answer).toEqual({ ok: true, value: 'pid=7' })
  expect(ends).toEqual([])
  openvpn.destroy()
})

it('one that is starved is given time, but not for ever', async () => {
  let isStarved = true
  const { machine, openvpn, connection, ends } = await conversation(() => isStarved)
  const answer = connection.command('pid\n')
  await machine.pass(35_000)
  expect(ends).toEqual([])
  openvpn.write('SUCCESS: pid=7\r\n')
  expect(await answer).toMatchObject({ ok: true })

  connection.command('pid\n').catch(() => {})
  await machine.pass(25_000)
  isStarved = false
  await machine.pass(10_000)
  expect(ends).toHaveLength(1)

  const other = await conversation(() => true)
  other.connection.command('pid\n').catch(() => {})
  await other.machine.pass(600_000)
  expect(other.ends).toHaveLength(1)
  other.openvpn.destroy()
})
