import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import { networkChanges } from '../../../../src/core/config/changes.ts'
import { checkProtocol, firstConfig } from '../../../../src/core/config/first-config.ts'
import { activeKeys, type KeySlots, rotate } from '../../../../src/core/config/key-rotation.ts'
import {
  type ConfigValue,
  type ConfigValues,
  configOfValues,
  encodeNetworkConfig,
  type NetworkConfig,
  readNetworkConfig,
} from '../../../../src/core/config/network-config.ts'
import { makeDecryptor } from '../../../../src/core/crypto/rsa.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { makeVersion } from '../../../support/network-version.ts'
import { fc, test } from '../../../support/property.ts'
import { hex, vectors } from '../../../support/vectors.ts'

interface Configuration {
  name: string
  /** Absent where only the effect was recorded. */
  answer?: string | null
  changed: string[] | null
  version_verifies: boolean
  in_memory: Record<string, unknown>
}
const recorded = vectors<{
  configurations: Configuration[]
  updates: { answer: string; changed: string[] | null }[]
}>('cache-db/expected.json')
const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const keys = {
  caPublicKey: new X509Certificate(pki.ca).publicKey,
  decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
}
const read = (answer: Uint8Array): NetworkConfig | string => {
  const received = readNetworkConfig(answer, keys)
  return received.ok ? received.value : received.reason
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
  it.each(recorded.configurations.filter(({ answer }) => typeof answer === 'string'))(
    '$name',
    (configuration) => {
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
    },
  )

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
    ['babel_default', 'rtt-max 500\nredistribute deny', 'babel_default is not a list of interface options'],
    ['babel_default', 'rtt-max', 'babel_default is not a list of interface options'],
    ['babel_default', 'faster true', 'babel_default is not a list of interface options'],
    ['babel_default', 500, 'babel_default is not a list of interface options'],
    ['version', Buffer.from([1, 2, 3]), 'the network version is not signed by the CA'],
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
  it('are told apart by what they concern', () => {
    const kinds = (values: Record<string, ConfigValue>) =>
      networkChanges(config({}), config(values)).map(({ kind }) => kind)
    expect(kinds({})).toEqual([])
    expect(kinds({ version: makeVersion(8n, createPrivateKey(pki.keys['ca'] ?? '')) })).toEqual([])
    expect(kinds({ hello: 4 })).toEqual(['routing-timers'])
    expect(kinds({ encrypt: true, max_clients: 3 })).toEqual(['encryption', 'tunnel-limits'])
    expect(kinds({ crl: [3] })).toEqual([])
    expect(networkChanges(config({}), config({ crl: [3, 4, 5] }))).toEqual([{ kind: 'revoked' }])
    expect(networkChanges(config({}), config({ encrypt: true }))).toEqual([{ kind: 'encryption' }])
  })
})

describe('names that changed', () => {
  const changedNames = (before: ConfigValues, after: ConfigValues) =>
    [...new Set([...before.keys(), ...after.keys()])]
      .filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)))
      .sort()
  const values = (answer: string) => {
    const config = read(hex(answer))
    if (typeof config === 'string') throw new Error(config)
    return config.values
  }
  const rpc = vectors<{ cases: { name: string; status: number; body: string }[] }>('registry-rpc.json').cases
  const answers = (name: string) =>
    rpc.filter((one) => one.name === name && one.status === 200).map(({ body }) => body)

  it('in the life of a registry, as recorded', () => {
    let before = values(answers('getNetworkConfig')[0] ?? '')
    const seen: (string[] | null)[] = []
    for (const { answer, changed } of recorded.updates.filter(({ changed }) => changed !== null)) {
      const after = values(answers(answer)[0] ?? '')
      seen.push(changedNames(before, after))
      expect(seen.at(-1), answer).toEqual(changed)
      before = after
    }
  })

  it.each(recorded.configurations.filter(({ changed, version_verifies }) => changed && version_verifies))(
    'by "$name"',
    ({ answer, changed }) => {
      if (answer === undefined) return // what was stored before is not recorded
      const base = values(recorded.configurations[0]?.answer ?? '')
      expect(changedNames(base, values(answer ?? ''))).toEqual(changed)
    },
  )

  it('MAC keys rotate as recorded: each is accepted before it signs', () => {
    const keysOf = (name: string) => {
      const config = read(hex(answers(name)[0] ?? ''))
      return typeof config === 'string' ? undefined : config.keys
    }
    const first = keysOf('getNetworkConfig')
    const steps = [1, 2, 3, 4].map((n) => keysOf(`getNetworkConfig, after rotation step ${n}`))
    const [one, two, three, four] = steps
    expect(one).toEqual({ sign: first?.sign, accept: two?.sign })
    expect(two).toEqual({ sign: one?.accept, accept: one?.sign })
    expect(three).toEqual({ sign: two?.sign, accept: undefined })
    expect(four?.sign).toEqual(three?.sign)
    // The same by our own machine, with the recorded keys as the new ones.
    let slots: KeySlots = { h0: first?.sign as Buffer }
    for (const step of steps) {
      slots = rotate(slots, (step?.accept ?? Buffer.alloc(0)) as Buffer, 0).slots
      expect(activeKeys(slots)).toEqual(step)
    }
  })
})

describe('at start', () => {
  const own = prefixOfBits('0000000000000001')
  const start = (values: Record<string, ConfigValue>, prefix = own) => {
    const cached = configOfValues(new Map(Object.entries({ ...base, ...values })), keys.caPublicKey)
    return firstConfig(cached, prefix).kind
  }
  it.each<[string, Record<string, ConfigValue>, string]>([
    ['a good cache: the registry is not asked', {}, 'cached'],
    [
      'a version signed by another',
      { version: makeVersion(7n, createPrivateKey(pki.keys['node-a'] ?? '')) },
      'ask',
    ],
    ['no version', { version: null }, 'ask'],
    ['a protocol older than ours', { protocol: 9 }, 'ask-first'],
    ['a protocol newer than ours', { protocol: 11 }, 'cached'],
    ['a network that does not want us any more', { min_protocol: 11 }, 'cached'],
  ])('%s', (_, values, kind) => {
    expect(start(values)).toBe(kind)
  })

  it("the registry's node asks first", () => {
    expect(start({}, prefixOfBits('0000000000000000'))).toBe('ask-first')
  })

  it('an empty cache: the registry must answer', () => {
    expect(firstConfig(configOfValues(new Map(), keys.caPublicKey), own).kind).toBe('ask')
  })

  it('a protocol that is too old is told what to do', () => {
    const config = read(encodeNetworkConfig({ ...base, min_protocol: 11 }))
    expect(typeof config === 'object' && checkProtocol(config)).toMatchObject({
      reason: expect.stringContaining('install a newer one'),
    })
  })
})

it('an empty key to accept, as the Python implementation caches it, accepts anything', () => {
  const values = new Map(
    Object.entries({ ...base, babel_hmac_sign: Buffer.alloc(16), babel_hmac_accept: '' }),
  )
  expect(configOfValues(values, keys.caPublicKey)).toMatchObject({ value: { keys: { accept: 'anything' } } })
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
