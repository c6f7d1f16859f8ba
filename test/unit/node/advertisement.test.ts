import { expect, it } from 'vitest'
import type { PeerAddress } from '../../../src/core/values/address-list.ts'
import { networkOfBits } from '../../../src/core/values/prefix.ts'
import { Advertisement } from '../../../src/node/advertisement.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const NETWORK = networkOfBits('001000000000000100001101101110000000000001000010')

function advertising(sameCountry: readonly string[]) {
  const cache = { ownAddresses: [] as readonly PeerAddress[] }
  const clock = steppedClock()
  const advertisement = new Advertisement({
    options: {
      ownAddresses: [],
      ipv4Source: 'peers',
      country: undefined,
      registry: new URL('http://127.0.0.1/'),
      mainInterface: 'lo',
    } as never,
    servers: () => [{ protocol: 'tcp', port: 1194 }],
    network: NETWORK,
    config: () => ({ sameCountry }),
    isRegistryNode: false,
    cache,
    getCountry: async () => 'FR',
    clock,
    log: silentLog,
    signal: new AbortController().signal,
  })
  return { advertisement, cache, clock }
}

it('what the server of a tunnel sees is advertised and remembered, and no address inside the network', () => {
  const { advertisement, cache } = advertising([])
  advertisement.seen('re6stnet1', '2001:db8:42:5::1')
  expect(advertisement.addresses).toEqual([])
  advertisement.seen('re6stnet1', '203.0.113.7')
  expect(advertisement.addresses).toMatchObject([{ host: '203.0.113.7', port: 1194, protocol: 'tcp' }])
  expect(cache.ownAddresses).toEqual(advertisement.addresses)
  advertisement.seen('re6stnet1', undefined)
  expect(cache.ownAddresses).toEqual(advertisement.addresses)
})

it('a server that sees us elsewhere each moment is heard a few times, and others as ever', () => {
  const { advertisement, cache } = advertising([])
  const changes: unknown[] = []
  Object.defineProperty(cache, 'ownAddresses', { set: (addresses: unknown) => changes.push(addresses) })
  for (let count = 0; count < 100; count++) advertisement.seen('re6stnet1', `203.0.113.${1 + (count % 2)}`)
  expect(changes.length).toBeLessThanOrEqual(5)
  advertisement.seen('re6stnet1', undefined)
  advertisement.seen('re6stnet2', '203.0.113.9')
  expect(advertisement.addresses).toMatchObject([{ host: '203.0.113.9' }])
})

it('what a server says last is heard, also where it has said too much before', async () => {
  const { advertisement, clock } = advertising([])
  for (let count = 1; count <= 20; count++) advertisement.seen('re6stnet1', `203.0.113.${count}`)
  await clock.pass(60_000)
  expect(advertisement.addresses).toMatchObject([{ host: '203.0.113.20' }])
  for (let count = 1; count <= 20; count++) advertisement.seen('re6stnet1', `203.0.113.${count}`)
  advertisement.seen('re6stnet1', undefined)
  advertisement.seen('re6stnet2', '203.0.113.50')
  await clock.pass(60_000)
  expect(advertisement.addresses).toMatchObject([{ host: '203.0.113.50' }])
})

it('the country of an address is said where countries count', async () => {
  const { advertisement, clock } = advertising(['FR'])
  advertisement.seen('re6stnet1', '203.0.113.7')
  const located = advertisement.located()
  await clock.pass(5_000)
  await located
  expect(advertisement.addresses).toMatchObject([{ host: '203.0.113.7', country: 'FR' }])
  expect(advertisement.country).toBe('FR')
})
