import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type ConfigValue, encodeNetworkConfig } from '../../../src/core/config/network-config.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { makeVersion } from '../../../src/core/values/network-version.ts'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { NetworkConfiguration } from '../../../src/node/network-configuration.ts'
import { silentLog } from '../../../src/platform/log.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const caKey = createPrivateKey(pki.keys['ca'] ?? '')
const PATIENCE = { timeout: 30_000, interval: 5 }
const NODE = '0000000000000001'
const good = (number: bigint, more: Record<string, ConfigValue> = {}) =>
  encodeNetworkConfig({
    registry_prefix: '0000000000000000',
    protocol: 10,
    min_protocol: 1,
    version: makeVersion(number, caKey),
    client_count: 10,
    max_clients: 10,
    hello: 15,
    tunnel_refresh: 300,
    encrypt: false,
    ...more,
  })

/** A node's configuration whose registry answers with `answer`; sleep takes no time. */
async function started(first: Uint8Array) {
  const controller = new AbortController()
  const warnings: string[] = []
  const seen = {
    answer: first as Uint8Array | Error,
    asked: 0,
    changes: 0,
    sleptMs: [] as number[],
    nowMs: 0,
    wallMs: 0,
  }
  const log = {
    ...silentLog,
    warn: (fields: { reason?: string }) => warnings.push(fields.reason ?? ''),
    info: () => {},
  }
  const configuration = new NetworkConfiguration(
    {
      registry: {
        getNetworkConfig: async () => {
          seen.asked++
          if (seen.answer instanceof Error) throw seen.answer
          return seen.answer
        },
      },
      cache: { readConfig: () => new Map(), writeConfig: () => {} },
      clock: {
        now: () => seen.wallMs,
        monotonicMs: () => seen.nowMs,
        sleep: async (ms) => {
          seen.nowMs += ms
          seen.sleptMs.push(ms)
          await new Promise((resolve) => setImmediate(resolve))
        },
        after: () => ({ [Symbol.dispose]: () => {} }),
        every: () => ({ [Symbol.dispose]: () => {} }),
      },
      log: log as never,
    },
    () => ({
      caPublicKey: new X509Certificate(pki.ca).publicKey,
      decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
    }),
  )
  await configuration.start(prefixOfBits(NODE), controller.signal)
  configuration.onChange(() => void seen.changes++)
  return { configuration, warnings, seen, controller }
}

describe('a registry that answers with what cannot be used', () => {
  it.each<[string, Uint8Array | Error]>([
    ['garbage', Buffer.from('garbage')],
    ['half of it', good(2n).subarray(0, 100)],
    ['values of wrong types', good(2n, { hello: 'soon', crl: 'none', encrypt: 7 })],
    ['a wrong signature', good(2n, { version: Buffer.concat([makeVersion(2n, caKey), Buffer.of(1)]) })],
    ['an error', new Error('no whole answer within 60 s')],
  ])(
    '%s changes nothing, is logged once and then now and then, and asked for again and again',
    async (_, bad) => {
      const { configuration, warnings, seen, controller } = await started(good(1n))
      seen.answer = bad
      configuration.newerVersionSeen(controller.signal)
      await expect.poll(() => seen.asked, PATIENCE).toBeGreaterThan(60)
      expect(configuration.config.helloIntervalMs).toBe(15_000)
      expect(seen.changes).toBe(0)
      // Once at once, and then once in ten minutes, which are ten tries.
      expect(warnings.length).toBeGreaterThanOrEqual(5)
      expect(warnings.length).toBeLessThan(seen.asked / 8)
      expect(Math.max(...seen.sleptMs)).toBe(60_000)
      seen.answer = good(3n, { hello: 4 })
      await expect.poll(() => configuration.config.helloIntervalMs, PATIENCE).toBe(4_000)
      expect(seen.changes).toBe(1)
    },
  )
})

it('a configuration that has run out, or a clock that is wrong, makes a node ask every ten minutes at most', async () => {
  const { configuration, seen, controller } = await started(good(1n, { valid_until: 1_000 }))
  seen.wallMs = 24 * 3600 * 1000
  for (let minute = 0; minute < 60; minute++) {
    configuration.checkAge(true, controller.signal)
    await new Promise((resolve) => setTimeout(resolve, 5))
    seen.nowMs += 60_000
  }
  expect(seen.asked).toBeGreaterThanOrEqual(5)
  expect(seen.asked).toBeLessThanOrEqual(8)
})
