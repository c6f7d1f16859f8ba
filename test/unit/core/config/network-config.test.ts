import { createPrivateKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { networkChanges } from '../../../../src/core/config/changes.ts'
import { activeKeys, type KeySlots, rotate } from '../../../../src/core/config/key-rotation.ts'
import {
  type ConfigValue,
  encodeNetworkConfig,
  type NetworkConfig,
  readNetworkConfig,
} from '../../../../src/core/config/network-config.ts'
import { makeDecryptor } from '../../../../src/core/crypto/rsa.ts'
import { makeVersion } from '../../../../src/core/values/network-version.ts'
import { fc, test } from '../../../support/property.ts'
import { hex, vectors } from '../../../support/vectors.ts'

interface Configuration {
  name: string
  answer: string | null
  changed: string[] | null
  version_verifies: boolean
  in_memory: Record<string, unknown>
}
const recorded = vectors<{ configurations: Configuration[] }>('cache-db/expected.json')
const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const keys = {
  caPublicKey: new X509Certificate(pki.ca).publicKey,
  decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
}
const read = (answer: Uint8Array): NetworkConfig | string => {
  const received = readNetworkConfig(answer, keys)
  return received.ok ? received.value.config : received.reason
}

const base: Record<string, ConfigValue> = {
  registry_prefix: '0000000000000000',
  protocol: 10,
  min_protocol: 1,
  version: makeVersion(7n, createPrivateKey(pki.keys['ca'] ?? '')),
  crl: [3, 4],
  client_count: 10,
  max_clients: 20,
  hello: 15,
  tunnel_refresh: 300,
  encrypt: false,
  babel_default: 'rtt-max 500',
}

describe('answers of getNetworkConfig', () => {
  it.each(recorded.configurations.filter(({ answer }) => answer !== null))('$name', (configuration) => {
    const config = read(hex(configuration.answer ?? ''))
    // Recorded: what cannot be read changes nothing. Ours also refuses what the CA did not sign.
    const isUsable =
      configuration.changed !== null &&
      configuration.version_verifies &&
      configuration.name !== 'large numbers'
    expect(typeof config, String(config)).toBe(isUsable ? 'object' : 'string')
    if (typeof config === 'string') return
    expect(config.helloIntervalMs).toBe(1000 * Number(configuration.in_memory['hello']))
    expect([...config.crl].map(Number).sort()).toEqual((configuration.in_memory['crl'] as number[]).sort())
    expect(config.sameCountry).toEqual(configuration.in_memory['same_country'])
  })

  it('what the registry encodes is read back', () => {
    expect(read(encodeNetworkConfig(base))).toMatchObject({
      registryPrefix: '0000000000000000',
      crl: new Set([3n, 4n]),
      helloIntervalMs: 15_000,
      tunnelRefreshMs: 300_000,
      keys: { sign: undefined, accept: undefined },
    })
  })

  it.each<[string, ConfigValue, string]>([
    ['hello', 0, 'hello is not a number of seconds'],
    ['hello', '15', 'hello is not a number of seconds'],
    ['crl', [1, 'a'], 'crl is not a list of serial numbers'],
    ['client_count', -1, 'client_count is not a number that makes sense'],
    ['registry_prefix', '012', 'registry_prefix is not a prefix'],
    ['babel_hmac_sign', '%%%', 'babel_hmac_sign is not base64'],
    ['encrypt', 'yes', 'encrypt is not a boolean'],
  ])('refuses %s = %j, and says so', (name, value, reason) => {
    expect(read(encodeNetworkConfig({ ...base, [name]: value }))).toContain(reason)
  })

  test('arbitrary bytes are refused', fc.uint8Array({ maxLength: 200 }), (bytes) => {
    expect(typeof read(bytes)).toBe('string')
  })

  test(
    'arbitrary values end in a configuration or a reason',
    fc.dictionary(fc.constantFrom(...Object.keys(base), 'ipv4', 'valid_until'), fc.jsonValue()),
    (values) => {
      expect(['string', 'object']).toContain(
        typeof read(encodeNetworkConfig({ ...base, ...(values as Record<string, ConfigValue>) })),
      )
    },
  )
})

describe('changes', () => {
  const config = (values: Record<string, ConfigValue>) => {
    const result = read(encodeNetworkConfig({ ...base, ...values }))
    if (typeof result === 'string') throw new Error(result)
    return result
  }
  it('are told apart by what they need', () => {
    const kinds = (values: Record<string, ConfigValue>) =>
      networkChanges(config({}), config(values)).map(({ kind }) => kind)
    expect(kinds({})).toEqual([])
    expect(kinds({ version: makeVersion(8n, createPrivateKey(pki.keys['ca'] ?? '')) })).toEqual([])
    expect(kinds({ hello: 4 })).toEqual(['routing-timers'])
    expect(kinds({ encrypt: true, max_clients: 3 })).toEqual(['encryption', 'tunnel-limits'])
    expect(kinds({ crl: [3] })).toEqual([])
    expect(networkChanges(config({}), config({ crl: [3, 4, 5] }))).toEqual([
      { kind: 'revoked', serials: new Set([5n]) },
    ])
  })
})

describe('key rotation', () => {
  const key = (n: number) => Buffer.alloc(16, n)

  it('goes round in three steps, each key signing only after it was announced', () => {
    let slots: KeySlots = { h0: key(0) }
    const seen = [1, 2, 3].map((n) => {
      const step = rotate(slots, key(n), 1000)
      slots = step.slots
      return { ...activeKeys(slots), validUntilMs: step.validUntilMs }
    })
    expect(seen).toEqual([
      { sign: key(0), accept: key(1), validUntilMs: 1000 + 3_600_000 },
      { sign: key(1), accept: key(0), validUntilMs: undefined },
      { sign: key(1), accept: undefined, validUntilMs: undefined },
    ])
  })

  it('begins without any key by accepting anything', () => {
    const { slots } = rotate({}, key(1), 0)
    expect(activeKeys(slots)).toEqual({ sign: key(1), accept: Buffer.alloc(0) })
    expect(rotate(slots, key(2), 0).slots).toEqual({ h0: key(1) })
  })
})
