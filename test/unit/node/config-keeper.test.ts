import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { ConfigValue, ConfigValues } from '../../../src/core/config/network-config.ts'
import { encrypt, makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { numberOfVersion } from '../../../src/core/values/network-version.ts'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { ConfigKeeper } from '../../../src/node/config-keeper.ts'
import { encodedConfig } from '../../support/encoded-config.ts'
import { makeVersion } from '../../support/network-version.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const caKey = createPrivateKey(pki.keys['ca'] ?? '')
const nodeKey = createPublicKey(pki.keys['node-a'] ?? '')
const NODE = prefixOfBits('0000000000000001')
const PEER = prefixOfBits('0000000000000010')
const version = (number: number) => makeVersion(BigInt(number), caKey)
const good = (number: number, more: Record<string, ConfigValue> = {}) =>
  encodedConfig({ version: version(number), ...more })

/** A keeper, and all around it. */
class Surroundings {
  readonly clock = steppedClock()
  readonly controller = new AbortController()
  readonly warnings: string[] = []
  readonly applied: string[] = []
  readonly news: number[] = []
  readonly askedMs: number[] = []
  answer: Uint8Array | Error
  /** How long the registry takes. */
  latencyMs = 0
  cached: ConfigValues = new Map()
  isConnected = true
  readonly keeper: ConfigKeeper

  constructor(answer: Uint8Array | Error) {
    this.answer = answer
    const log = {
      ...silentLog,
      warn: (fields: { reason?: string }) => this.warnings.push(fields.reason ?? ''),
      info: () => {},
    }
    this.keeper = new ConfigKeeper(
      {
        registry: { getNetworkConfig: (signal) => this.#answer(signal) },
        cache: {
          readConfig: () => this.cached,
          writeConfig: (values) => {
            this.cached = values
          },
        },
        clock: this.clock,
        random: { next: () => 0.5 },
        log: log as never,
      },
      () => ({
        caPublicKey: new X509Certificate(pki.ca).publicKey,
        decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
      }),
    )
  }

  async #answer(signal: AbortSignal | undefined): Promise<Uint8Array> {
    this.askedMs.push(this.clock.monotonicMs())
    // What it says is decided when it is asked.
    const { answer } = this
    if (this.latencyMs > 0) await this.clock.sleep(this.latencyMs, signal)
    if (answer instanceof Error) throw answer
    return answer
  }

  listen(): this {
    this.keeper.onChange((config, changes) => {
      this.applied.push(`${numberOf(config.version)}: ${changes.map(({ kind }) => kind).join()}`)
    })
    return this
  }

  watch(): this {
    this.keeper.watch(() => (this.isConnected ? 'connected' : 'cut off'))
    return this
  }

  get number(): number {
    return numberOf(this.keeper.config.version)
  }
}

const numberOf = (bytes: Uint8Array): number => {
  const number = numberOfVersion(bytes)
  return number.ok ? Number(number.value) : -1
}

async function started(number = 1, more: Record<string, ConfigValue> = {}): Promise<Surroundings> {
  const around = new Surroundings(good(number, more))
  await around.keeper.start(NODE, around.controller.signal)
  around.keeper.onNews((seen) => around.news.push(numberOf(seen)))
  around.askedMs.length = 0
  return around
}

describe('a version that was seen', () => {
  it('is passed on at once, fetched a second later, and applied', async () => {
    const around = (await started()).listen()
    around.answer = good(2, { hello: 4 })
    expect(around.keeper.heard(version(2), PEER)).toEqual({ ok: true, value: 'newer' })
    expect(around.news).toEqual([2])
    expect(numberOf(around.keeper.newestVersion)).toBe(2)
    await around.clock.pass(1_000)
    expect(around.applied).toEqual(['2: routing-timers'])
    expect(around.askedMs).toEqual([1_000])
  })

  it('while another one is being fetched is fetched, too', async () => {
    const around = (await started()).listen()
    around.latencyMs = 5_000
    around.answer = good(2)
    around.keeper.heard(version(2), PEER)
    await around.clock.pass(2_000)
    around.answer = good(3, { encrypt: true })
    around.keeper.heard(version(3), PEER)
    await around.clock.pass(30_000)
    expect(around.number).toBe(3)
    expect(around.applied.at(-1)).toBe('3: encryption')
    expect(around.news).toEqual([2, 3])
  })

  it('is fetched also when the registry has announced it while it was being asked', async () => {
    const around = (await started()).listen()
    around.latencyMs = 5_000
    around.keeper.announced()
    await around.clock.pass(2_000)
    around.answer = good(2)
    around.keeper.announced()
    await around.clock.pass(30_000)
    expect(around.number).toBe(2)
    expect(around.news).toEqual([2])
  })

  it('while the node starts is applied when the node has started', async () => {
    const around = await started()
    around.answer = good(2, { hello: 4 })
    around.keeper.heard(version(2), PEER)
    await around.clock.pass(5_000)
    around.answer = good(3, { hello: 4, encrypt: true })
    around.keeper.heard(version(3), PEER)
    await around.clock.pass(5_000)
    expect(around.number).toBe(3)
    around.listen()
    expect(around.applied).toEqual(['3: routing-timers,encryption'])
  })

  it('of which the registry does not know yet is asked for until it does', async () => {
    const around = (await started()).listen()
    around.keeper.heard(version(2), PEER)
    await around.clock.pass(20_000)
    expect(around.askedMs.length).toBeGreaterThan(2)
    around.answer = good(2)
    await around.clock.pass(60_000)
    expect(around.number).toBe(2)
  })

  it('with a wrong signature is ignored; an older one is told apart', async () => {
    const around = await started(2)
    const forged = Buffer.concat([version(3), Buffer.of(1)])
    expect(around.keeper.heard(forged, PEER).ok).toBe(false)
    expect(around.keeper.heard(version(1), PEER)).toEqual({ ok: true, value: 'older' })
    expect(around.keeper.heard(version(2), PEER)).toEqual({ ok: true, value: 'same' })
    await around.clock.pass(60_000)
    expect(around.askedMs).toEqual([])
  })
})

it.each([
  ['needs a newer re6stnet', good(6, { min_protocol: 99, protocol: 99 })],
  ['cannot be read', Buffer.from('<html>')],
])('a configuration that %s is refused while the node runs, and the node says so', async (_, answer) => {
  const around = (await started(5)).listen()
  around.answer = answer
  around.keeper.announced()
  await around.clock.pass(10_000)
  expect([around.number, around.applied]).toEqual([5, []])
  expect(around.keeper.refusal).toBe(around.warnings[0])
})

describe('a version older than the newest that was seen', () => {
  it('is refused, and the present one kept', async () => {
    const around = (await started(5)).listen()
    around.answer = good(4, { crl: [] })
    around.keeper.announced()
    await around.clock.pass(10_000)
    expect([around.number, around.applied, around.warnings.length]).toEqual([5, [], 1])
    expect(around.keeper.refusal).toBe(around.warnings[0])
    // Whatever is taken later ends it; that nothing comes does not.
    around.answer = new Error('connection refused')
    await around.clock.pass(120_000)
    expect(around.keeper.refusal).toBeDefined()
    around.answer = good(6)
    await around.clock.pass(120_000)
    expect([around.number, around.keeper.refusal]).toEqual([6, undefined])
  })

  it('is refused at the start, too: the cache knows better', async () => {
    const around = new Surroundings(good(5))
    await around.keeper.start(NODE, around.controller.signal)
    const again = new Surroundings(good(4))
    again.cached = around.cached
    // Of the registry's own node, which asks first.
    await again.keeper.start(prefixOfBits('0000000000000000'), again.controller.signal)
    expect(again.number).toBe(5)
    expect(again.warnings).toHaveLength(1)
    expect(again.keeper.refusal).toBe(again.warnings[0])
  })
})

describe('a start', () => {
  const REGISTRY_NODE = prefixOfBits('0000000000000000')

  it('without a cache asks until the registry answers, at once where the machine gets another network', async () => {
    const around = new Surroundings(new Error('no route'))
    let isStarted = false
    const starting = around.keeper.start(NODE, around.controller.signal).then(() => {
      isStarted = true
    })
    await around.clock.pass(200_000)
    const gaps = around.askedMs.slice(1).map((ms, at) => ms - (around.askedMs[at] ?? 0))
    expect(gaps.slice(0, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 15_000])
    expect(Math.max(...gaps)).toBe(15_000)
    const [last = 0] = around.askedMs.slice(-1)
    around.keeper.networkChanged()
    await around.clock.pass(3_500)
    expect(around.askedMs.filter((ms) => ms > last).map((ms) => ms - 200_000)).toEqual([0, 1_000, 3_000])
    around.answer = good(1)
    around.keeper.networkChanged()
    await around.clock.pass(0)
    expect(isStarted).toBe(true)
    await starting
  })

  it('of the registry’s own node waits some seconds for a silent registry, then the cache will do', async () => {
    const before = await started()
    const around = new Surroundings(good(2))
    around.cached = before.cached
    around.latencyMs = 60_000
    let number = 0
    const starting = around.keeper.start(REGISTRY_NODE, around.controller.signal).then(({ version: got }) => {
      number = numberOf(got)
    })
    await around.clock.pass(4_000)
    expect(number).toBe(0)
    await around.clock.pass(2_000)
    expect(number).toBe(1)
    await starting
  })

  it('ends while it waits when the node stops', async () => {
    const around = new Surroundings(new Error('no route'))
    const starting = around.keeper.start(NODE, around.controller.signal)
    await around.clock.pass(10_000)
    around.controller.abort(new Error('the node stops'))
    await expect(starting).rejects.toThrow('the node stops')
  })
})

describe('who is cut off', () => {
  it('asks the registry at once, at every start, beside the cache', async () => {
    const before = await started()
    const around = new Surroundings(good(7, { hello: 4 }))
    around.cached = before.cached
    around.isConnected = false
    await around.keeper.start(NODE, around.controller.signal)
    expect(around.askedMs).toEqual([])
    around.watch().listen()
    await around.clock.pass(1_000)
    expect(around.applied).toEqual(['7: routing-timers'])
  })

  it('asks until the registry answers, at most a quarter of a minute apart, and then less and less', async () => {
    const around = (await started()).watch().listen()
    await around.clock.pass(60_000)
    expect(around.askedMs).toEqual([])
    around.isConnected = false
    around.answer = new Error('no route')
    await around.clock.pass(10 * 60_000)
    const gaps = around.askedMs.slice(1).map((ms, at) => ms - (around.askedMs[at] ?? 0))
    expect(Math.max(...gaps)).toBeLessThanOrEqual(16_000)
    around.answer = good(3)
    await around.clock.pass(16_000)
    expect(around.number).toBe(3)
    around.askedMs.length = 0
    await around.clock.pass(3600_000)
    expect(around.askedMs.length).toBeGreaterThanOrEqual(10)
    expect(around.askedMs.length).toBeLessThanOrEqual(20)
  })

  it('takes what the registry gives under the same number, if it is something else', async () => {
    const key = (byte: number) => encrypt(nodeKey, Buffer.alloc(16, byte))
    const around = (await started(6, { babel_hmac_sign: key(1) })).watch().listen()
    // Encrypted anew each time, and the same: nothing is to be done.
    around.answer = good(6, { babel_hmac_sign: key(1) })
    around.isConnected = false
    await around.clock.pass(60_000)
    expect([around.applied, around.askedMs.length > 1]).toEqual([[], true])
    // Its database was restored from a copy, and its keys rotated again: no neighbour hears us with the old ones.
    around.answer = good(6, { babel_hmac_sign: key(2) })
    await around.clock.pass(300_000)
    expect(around.applied).toEqual(['6: mac-keys'])
    expect(around.cached.get('babel_hmac_sign')).toEqual(Buffer.alloc(16, 2))
    expect(around.news).toEqual([])
  })

  it('asks at once when the machine has another network, and no more when it is connected', async () => {
    const around = (await started()).watch()
    around.isConnected = false
    around.answer = new Error('no route')
    await around.clock.pass(120_000)
    around.askedMs.length = 0
    around.answer = good(1)
    around.keeper.networkChanged()
    await around.clock.pass(2_000)
    expect(around.askedMs.length).toBeGreaterThan(0)
    around.isConnected = true
    around.askedMs.length = 0
    await around.clock.pass(3600_000)
    expect(around.askedMs).toEqual([])
  })
})

it('a connection that comes and goes makes nobody ask each time, and the next outage asks at once', async () => {
  const around = (await started()).watch()
  for (let second = 0; second < 600; second++) {
    around.isConnected = second % 4 < 2
    await around.clock.pass(1_000)
  }
  expect(around.askedMs.length).toBeGreaterThan(10)
  expect(around.askedMs.length).toBeLessThanOrEqual(41)
  // After a long outage, too.
  around.isConnected = false
  await around.clock.pass(3600_000)
  around.isConnected = true
  await around.clock.pass(16_000)
  around.askedMs.length = 0
  around.isConnected = false
  await around.clock.pass(2_100)
  expect(around.askedMs).toHaveLength(1)
})

describe('a registry that answers with what cannot be used', () => {
  it.each<[string, Uint8Array | Error]>([
    ['garbage', Buffer.from('garbage')],
    ['half of it', good(2).subarray(0, 100)],
    ['values of wrong types', good(2, { hello: 'soon', crl: 'none', encrypt: 7 })],
    ['a wrong signature', good(2, { version: Buffer.concat([version(2), Buffer.of(1)]) })],
    ['an error', new Error('no whole answer within 60 s')],
  ])('%s changes nothing, is logged now and then, and asked for again and again', async (_, bad) => {
    const around = (await started()).listen()
    around.answer = bad
    around.keeper.heard(version(2), PEER)
    await around.clock.pass(3600_000)
    expect(around.keeper.config.helloIntervalMs).toBe(15_000)
    expect(around.askedMs.length).toBeGreaterThan(50)
    // Once at once, and then once in ten minutes, which are ten tries.
    expect(around.warnings.length).toBeGreaterThanOrEqual(5)
    expect(around.warnings.length).toBeLessThan(around.askedMs.length / 6)
    around.answer = good(3, { hello: 4 })
    await around.clock.pass(60_000)
    expect(around.applied).toEqual(['3: routing-timers'])
  })
})

it('a configuration that has run out, or a clock that is wrong, makes a node ask every ten minutes at most', async () => {
  const around = (await started(1, { valid_until: 1_000 })).watch()
  await around.clock.pass(3600_000)
  expect(around.askedMs.length).toBeGreaterThanOrEqual(5)
  expect(around.askedMs.length).toBeLessThanOrEqual(8)
})

it('a configuration that has run out makes a node ask a registry that does not answer ever more seldom', async () => {
  const around = (await started(1, { valid_until: 1_000 })).watch()
  around.answer = new Error('connection refused')
  await around.clock.pass(600_000)
  expect(around.askedMs.length).toBeGreaterThanOrEqual(10)
  expect(around.askedMs.length).toBeLessThanOrEqual(20)
})

it('nothing is asked any more when the node stops', async () => {
  const around = await started()
  around.keeper.heard(version(2), PEER)
  around.controller.abort()
  await around.clock.pass(60_000)
  expect(around.askedMs).toEqual([])
})
