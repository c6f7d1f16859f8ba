import { describe, expect, it } from 'vitest'
import { parseAddressList } from '../../../../src/core/values/address-list.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { SingleClient, usableRemotes } from '../../../../src/node/tunnels/single-client.ts'
import { silentLog } from '../../../../src/platform/log.ts'
import { heldClock, neighboursOn, recordingTransport, routerWith } from '../../../support/tunnels.ts'

const { addresses: REMOTES } = parseAddressList('203.0.113.1,1194,tcp')

/** A client whose tunnel is up, and whose peer answers or not. */
function rig({ isNeighbour = true } = {}) {
  const asked: ((isThere: boolean) => void)[] = []
  const transport = recordingTransport()
  const clock = heldClock()
  const { specs, stopped } = transport
  const client = new SingleClient(
    {
      transport,
      router: routerWith(isNeighbour ? neighboursOn('re6stnet') : []),
      clock,
      log: silentLog,
      onExternalAddress() {},
      isNeighbourThere: () => new Promise((resolve) => asked.push(resolve)),
    },
    { isRevoked: () => false },
    REMOTES,
  )
  client.start()
  const remote = { address: '203.0.113.1', port: 1194, protocol: 'tcp' } as const
  const up = () =>
    specs.at(-1)?.onEvent({
      kind: 'up',
      peer: { prefix: prefixOfBits('0000000000000001'), serial: 2n },
      remote,
      externalAddress: undefined,
    })
  up()
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  return { client, asked, specs, retries: clock.timers, up, settled, stops: () => stopped.length }
}

it('--client leaves out remotes over IPv6 where there are no tunnels over it, and says so if none is left', () => {
  const { addresses } = parseAddressList('2001:db8::1,1194,tcp6;203.0.113.1,1194,tcp')
  expect(usableRemotes(addresses, true)).toEqual(addresses)
  expect(usableRemotes(addresses, false)).toEqual(addresses.slice(1))
  expect(() => usableRemotes(addresses.slice(0, 1), false)).toThrow(
    /^--client: .*add a remote with tcp or udp$/,
  )
})

describe('the tunnel of --client whose peer is silent', () => {
  it('stays when the peer answers, who is asked once at a time', async () => {
    const { client, asked, specs, settled, stops } = rig()
    specs[0]?.onEvent({ kind: 'silent' })
    client.check()
    expect(asked).toHaveLength(1)
    asked.pop()?.(true)
    await settled()
    expect(stops()).toBe(0)
    client.check()
    expect(asked).toHaveLength(1)
  })

  it('is made anew when nobody answers', async () => {
    const { client, asked, specs, retries, settled, stops } = rig()
    specs[0]?.onEvent({ kind: 'silent' })
    asked.pop()?.(false)
    await settled()
    expect(stops()).toBe(1)
    expect(client.list()[0]?.state).toBe('failed')
    retries.pop()?.()
    expect(specs).toHaveLength(2)
  })

  it('is not the next one: what was asked of an earlier tunnel ends none', async () => {
    const { client, asked, specs, retries, up, settled, stops } = rig()
    client.check()
    specs[0]?.onEvent({ kind: 'down', reason: 'connection reset by the peer' })
    retries.pop()?.()
    up()
    asked.pop()?.(false)
    await settled()
    expect(stops()).toBe(0)
    expect(client.list()[0]?.state).toBe('up')
  })

  it('waits for OpenVPN where routing knows nobody to ask', () => {
    const { asked, specs } = rig({ isNeighbour: false })
    specs[0]?.onEvent({ kind: 'silent' })
    expect(asked).toEqual([])
  })
})

describe('the tunnel of --client when the network of the machine has changed', () => {
  it('is made at once if it waits to be, and the next pause is a short one', () => {
    const { client, specs, retries } = rig()
    specs[0]?.onEvent({ kind: 'down', reason: 'network is unreachable' })
    expect(specs).toHaveLength(1)
    client.networkChanged()
    expect(specs).toHaveLength(2)
    expect(retries).toHaveLength(0)
  })

  it('is made anew if nobody answers', async () => {
    const { client, asked, settled, stops } = rig()
    client.networkChanged()
    expect(asked).toHaveLength(1)
    asked.pop()?.(false)
    await settled()
    expect(stops()).toBe(1)
  })
})
