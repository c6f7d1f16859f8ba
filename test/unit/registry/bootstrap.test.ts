import { createPrivateKey, X509Certificate } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { FakeNode, recordedClock } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { vectors } from '../../support/vectors.ts'

const DATABASE = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const [REGISTRY_NODE, NODE_A, OTHER] = ['0', '1', '10'].map((end) => prefixOfBits(end.padStart(16, '0'))) as [
  Prefix,
  Prefix,
  Prefix,
]

/** Whom the registry proposes to node-a, each time that it asks, while these are reachable. */
async function proposals(times: number, reachable: Prefix[]): Promise<(Prefix | undefined)[]> {
  const databasePath = join(temporaryDirectory(), 'registry.db')
  copyFileSync(DATABASE, databasePath)
  await using node = await FakeNode.start()
  node.answer = (question) => [`${question}${Buffer.from('198.51.100.1,1194,tcp').toString('hex')}`]
  await using registry = await testRegistry(
    { databasePath },
    { clock: recordedClock, nodePort: node.port, reachable: () => ({ list: async () => reachable }) },
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
