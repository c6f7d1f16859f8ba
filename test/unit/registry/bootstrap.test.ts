import { createPrivateKey, X509Certificate } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { networkOfBits, type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { KnownAddresses } from '../../../src/registry/known-addresses.ts'
import { formatProposal, Proposals } from '../../../src/registry/proposals.ts'
import { databaseWith, emptyDatabase, rowsIn } from '../../support/databases.ts'
import { FakeNode, recordedClock } from '../../support/recorded-registry.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const DATABASE = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const [REGISTRY_NODE, NODE_A, OTHER] = ['0', '1', '10'].map((end) => prefixOfBits(end.padStart(16, '0'))) as [
  Prefix,
  Prefix,
  Prefix,
]

/** Whom the registry proposes to node-a, each time that it asks, while these are reachable. */
async function proposals(
  times: number,
  reachable: Prefix[],
  list = async () => reachable,
): Promise<(Prefix | undefined)[]> {
  const databasePath = await databaseWith(DATABASE)
  await using node = await FakeNode.start()
  node.answer = (question) => [`${question}${Buffer.from('198.51.100.1,1194,tcp').toString('hex')}`]
  await using registry = await testRegistry(
    { databasePath },
    { clock: recordedClock, nodePort: node.port, reachable: () => ({ list }) },
  )
  const client = new RegistryClient(registry.url, {
    prefix: NODE_A,
    caPublicKey: new X509Certificate(pki.ca).publicKey,
    decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
  })
  const proposed: (Prefix | undefined)[] = []
  for (let time = 0; time < times; time++) proposed.push((await client.getBootstrapPeer())?.prefix)
  return proposed
}

it('a node that asks again is told of another peer: the last one did not help', async () => {
  const proposed = await proposals(20, [NODE_A, OTHER])
  expect(new Set(proposed)).toEqual(new Set([REGISTRY_NODE, OTHER]))
  for (const [index, prefix] of proposed.slice(1).entries()) expect(prefix).not.toBe(proposed[index])
})

it('where there is only one, it is told of that again', async () => {
  expect(await proposals(3, [NODE_A])).toEqual([REGISTRY_NODE, REGISTRY_NODE, REGISTRY_NODE])
})

it('where the routes cannot be read, the registry’s own node is proposed', async () => {
  const fails = () => Promise.reject(new Error('ip: no end after 30000 ms'))
  expect(await proposals(2, [], fails)).toEqual([REGISTRY_NODE, REGISTRY_NODE])
})

describe('when the registry’s own node is gone for good', () => {
  const decryptor = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))
  const clientOf = (url: string) =>
    new RegistryClient(url, {
      prefix: NODE_A,
      caPublicKey: new X509Certificate(pki.ca).publicKey,
      decrypt: decryptor,
    })
  const addressesOf = (host: string) => Buffer.from(`${host},1194,tcp`).toString('hex')

  it('peers are proposed whose addresses were learnt before, also after a restart', async () => {
    const databasePath = await databaseWith(DATABASE)
    {
      await using node = await FakeNode.start()
      node.answer = (question) => [question + addressesOf('198.51.100.7')]
      await using _ = await testRegistry(
        { databasePath },
        {
          clock: recordedClock,
          nodePort: node.port,
          reachable: () => ({ list: async () => [OTHER] }),
        },
      )
      await expect
        .poll(() => rowsIn(databasePath, 'SELECT 1 AS kept FROM node_address WHERE prefix = ?', OTHER), {
          timeout: 30_000,
        })
        .toEqual([{ kept: 1 }])
    }
    await using registry = await testRegistry(
      { databasePath },
      // Nobody is there to be asked.
      { clock: recordedClock, nodePort: 9, reachable: () => ({ list: async () => [] }) },
    )
    for (let time = 0; time < 2; time++)
      expect(await clientOf(registry.url).getBootstrapPeer()).toMatchObject({
        prefix: OTHER,
        addresses: [{ host: '198.51.100.7', port: 1194, protocol: 'tcp' }],
      })
    await fetch(`${registry.url}revoke?cn_or_serial=2/16`)
    expect(await clientOf(registry.url).getBootstrapPeer()).toBeUndefined()
  })
})

describe('where nodes are', () => {
  const NETWORK = networkOfBits(BigInt('0x20010db80042').toString(2).padStart(48, '0'))
  const [FIRST, SECOND, THIRD] = ['00', '01', '10'].map(prefixOfBits) as [Prefix, Prefix, Prefix]

  async function knownAddresses(answers: Record<string, string> = {}, silent: readonly Prefix[] = []) {
    const time = { nowMs: 1_000_000, members: new Set<string>([FIRST, SECOND, THIRD, ...silent]) }
    const store = await openStore(await emptyDatabase())
    const make = async () => {
      const known = new KnownAddresses({
        store,
        clock: {
          ...systemClock,
          now: () => time.nowMs,
          monotonicMs: () => time.nowMs,
          after: () => ({ [Symbol.dispose]: () => {} }),
          every: () => ({ [Symbol.dispose]: () => {} }),
        },
        log: silentLog,
        localNode: {
          ask: async (prefix) => (answers[prefix] === undefined ? undefined : Buffer.from(answers[prefix])),
        },
        reachable: { list: async () => [...silent, ...Object.keys(answers).map(prefixOfBits)] },
        network: NETWORK,
        members: async (prefixes) => new Set(prefixes.filter((prefix) => time.members.has(prefix))),
      })
      await known.load()
      return known
    }
    return { time, store, make, known: await make() }
  }
  const hosts = (known: KnownAddresses) =>
    known.list().map(({ prefix, addresses }) => `${prefix} ${addresses[0]?.host}`)

  it('is learnt from what they answer; else it is from where they call', async () => {
    const { known, time } = await knownAddresses({ [SECOND]: '198.51.100.2,1000,udp' })
    known.heardFrom(FIRST, '198.51.100.1')
    known.heardFrom(SECOND, '203.0.113.9')
    // Nobody reaches it there.
    for (const nowhere of ['127.0.0.1', '::1', 'fe80::1', '2001:db8:42::1', 'unknown'])
      known.heardFrom(THIRD, nowhere)
    time.nowMs += 1
    await known.askInTurn()
    expect(hosts(known)).toEqual([`${SECOND} 198.51.100.2`, `${FIRST} 198.51.100.1`])
    time.nowMs += 1
    known.heardFrom(FIRST, '198.51.100.99')
    known.heardFrom(SECOND, '203.0.113.9')
    expect(hosts(known)).toEqual([`${FIRST} 198.51.100.99`, `${SECOND} 198.51.100.2`])
  })

  it('is learnt although many others do not answer', async () => {
    const silent = Array.from({ length: 16 }, (_, n) => prefixOfBits((n + 8).toString(2)))
    const { known, time } = await knownAddresses({ [THIRD]: '198.51.100.3,1194,tcp' }, silent)
    await known.askInTurn()
    time.nowMs += 60_000
    await known.askInTurn()
    expect(hosts(known)).toEqual([`${THIRD} 198.51.100.3`])
  })

  it('is kept, but not of those that have no certificate any more', async () => {
    const { known, time, make, store } = await knownAddresses()
    known.heardFrom(FIRST, '198.51.100.1')
    known.heardFrom(SECOND, '198.51.100.2')
    await known.save()
    time.members.delete(SECOND)
    expect(hosts(await make())).toEqual([`${FIRST} 198.51.100.1`])
    await known.save()
    expect((await store.latestNodeAddresses(10)).map(({ prefix }) => prefix)).toEqual([FIRST])
  })

  it('proposals go round, those first that were seen last', async () => {
    const OWN = prefixOfBits('111')
    const nodes = Array.from({ length: 6 }, (_, n) => prefixOfBits(n.toString(2).padStart(3, '0')))
    const proposals = new Proposals({
      localNode: { ask: async () => undefined },
      known: {
        list: () =>
          [OWN, ...nodes].map((prefix) => ({
            prefix,
            addresses: [{ host: '198.51.100.1', port: 1, protocol: 'tcp', country: undefined }],
          })),
        learn: () => {},
      },
      nodes: async () => [OWN],
      random: { next: () => 0 },
    })
    const proposed: (string | undefined)[] = []
    for (let time = 0; time < 6; time++) proposed.push((await proposals.propose('110'))?.prefix)
    // All of them before any again, but never the caller, nor our own node, which does not answer.
    expect(proposed).toEqual(nodes)
    expect((await proposals.propose('000'))?.prefix).toBe('001')
  })
})

it('a proposal has as many addresses as fit into one RSA operation', () => {
  const addresses = Array.from({ length: 32 }, (_, n) => ({
    ...{ host: `host${n}.${'x'.repeat(40)}.example.com`, port: 1194, country: 'FR' },
    protocol: 'tcp' as const,
  }))
  for (const maxLength of [117, 245, 501]) {
    const text = formatProposal({ prefix: NODE_A, addresses }, { withCountry: true, maxLength }) ?? ''
    expect(text.length).toBeLessThanOrEqual(maxLength)
    expect(text.length).toBeGreaterThan(maxLength - 80)
    expect(text.startsWith(`${NODE_A} host0.`)).toBe(true)
  }
  expect(formatProposal({ prefix: NODE_A, addresses }, { withCountry: true, maxLength: 20 })).toBeUndefined()
})
