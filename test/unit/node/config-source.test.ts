import { createPrivateKey, X509Certificate } from 'node:crypto'
import { expect, it } from 'vitest'
import type { ConfigValue } from '../../../src/core/config/network-config.ts'
import { PROTOCOL } from '../../../src/core/config/protocol-number.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { ConfigSource } from '../../../src/node/config-source.ts'
import { encodedConfig } from '../../support/encoded-config.ts'
import { makeVersion } from '../../support/network-version.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const caKey = createPrivateKey(pki.keys['ca'] ?? '')
const version = (number: number) => makeVersion(BigInt(number), caKey)
const given = (number: number, more: Record<string, ConfigValue> = {}) =>
  encodedConfig({ version: version(number), ...more })

/** A source, whose registry gives one answer after another. */
function sourceOf(...answers: readonly (Uint8Array | Error)[]) {
  const rest = [...answers]
  const warnings: string[] = []
  const source = new ConfigSource({
    registry: {
      getNetworkConfig: () => {
        const next = rest.shift()
        return next instanceof Uint8Array ? Promise.resolve(next) : Promise.reject(next)
      },
    },
    keys: () => ({
      caPublicKey: new X509Certificate(pki.ca).publicKey,
      decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
    }),
    log: { ...silentLog, warn: (text: string) => warnings.push(text) } as never,
  })
  const { signal } = new AbortController()
  return {
    warnings,
    source,
    fetch: (newest?: number) =>
      source.fetch(() => (newest === undefined ? undefined : version(newest)), signal),
  }
}

it('gives what the registry gives, as long as it is not older than what was seen', async () => {
  const { source, fetch } = sourceOf(given(3), given(3), given(2))
  expect((await fetch()).version).toEqual(version(3))
  expect((await fetch(3)).version).toEqual(version(3))
  await expect(fetch(3)).rejects.toThrow('an older network configuration than was seen before')
  expect(source.refusal).toContain('an older network configuration')
})

it('says why something is not in effect until something is; that nothing came is no such reason', async () => {
  const { source, fetch } = sourceOf(Buffer.from('?'), new Error('no answer'), given(1))
  await expect(fetch()).rejects.toMatchObject({ code: 'REGISTRY' })
  const { refusal } = source
  expect(refusal).toBeDefined()
  await expect(fetch()).rejects.toThrow('no answer')
  expect(source.refusal).toBe(refusal)
  await fetch()
  expect(source.refusal).toBeUndefined()
})

it('of a network that speaks a newer protocol is said once, however often it is asked for', async () => {
  const newer = { protocol: PROTOCOL + 1 }
  const { source, warnings, fetch } = sourceOf(
    given(1, newer),
    given(1, newer),
    given(2, { protocol: PROTOCOL + 2 }),
  )
  source.checkProtocol(await fetch())
  await fetch()
  expect(warnings).toEqual([expect.stringContaining(`protocol ${PROTOCOL + 1}`)])
  await fetch()
  expect(warnings).toHaveLength(2)
})

it('of a network for which this node is too old is refused', async () => {
  const { fetch } = sourceOf(given(1, { protocol: PROTOCOL + 2, min_protocol: PROTOCOL + 1 }))
  await expect(fetch()).rejects.toMatchObject({ code: 'PROTOCOL' })
})
