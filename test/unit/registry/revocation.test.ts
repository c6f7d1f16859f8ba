import { createPrivateKey } from 'node:crypto'
import { expect, it } from 'vitest'
import { ONE_COMMUNITY } from '../../../src/core/allocation/community.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { RegistrySessions } from '../../../src/core/rpc/registry-sessions.ts'
import { requestHmac } from '../../../src/core/rpc/session.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { NetworkConfiguration } from '../../../src/registry/configuration.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import { CaCryptography } from '../../../src/registry/crypto/cryptography.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store, Write } from '../../../src/registry/database/store.ts'
import { Enrolment } from '../../../src/registry/enrolment.ts'
import { cleanUpExpired } from '../../../src/registry/expiry.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { type MethodComponents, registryMethods } from '../../../src/registry/methods.ts'
import { Refusal } from '../../../src/registry/refusal.ts'
import { revoke } from '../../../src/registry/revocation.ts'
import { ownSessions, type Sessions } from '../../../src/registry/sessions.ts'
import { changeIn, DATABASE_KIND, emptyDatabase, holdDatabaseClock } from '../../support/databases.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { unsent } from '../../support/unsent.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const HERE = { source: '127.0.0.1', location: () => undefined, delivery: unsent }
const DAY_MS = 24 * 3600 * 1000
const NETWORK = {
  ...{ minProtocol: 1, helloSeconds: 15, encrypt: true, clientCount: 10, maxClients: 20 },
  ...{ tunnelRefreshSeconds: 300, sameCountry: [], ipv4: undefined },
}

/** What enrols and revokes, on one database, with a clock that is set and writes that may fail. */
class Office implements AsyncDisposable {
  nowMs = Date.now()
  timers: (() => void)[] = []
  readonly announced: string[] = []
  failing: (() => boolean) | undefined
  readonly clock = {
    ...systemClock,
    now: () => this.nowMs,
    after: (_ms: number, action: () => void) => {
      this.timers.push(action)
      return { [Symbol.dispose]: () => {} }
    },
  }
  readonly store: Store
  readonly ledger: Ledger
  readonly cryptography = new CaCryptography({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') })
  readonly configuration: NetworkConfiguration
  readonly enrolment: Enrolment

  static async open(path?: string): Promise<Office> {
    const office = new Office(await openStore(path ?? (await emptyDatabase())))
    await office.ledger.learnChanges()
    await office.configuration.load()
    return office
  }

  private constructor(opened: Store) {
    holdDatabaseClock(this.clock)
    const write = opened.write.bind(opened)
    opened.write = async <T>(change: Write<T>): Promise<T> => {
      if (this.failing?.()) throw new Error('the disk is full')
      return await write(change)
    }
    this.store = opened
    this.ledger = new Ledger(this.store, 48)
    const { store, ledger, cryptography, clock } = this
    this.configuration = new NetworkConfiguration({ store, cryptography, clock, log: silentLog }, NETWORK)
    this.configuration.announceBy((prefix) => this.announced.push(prefix))
    this.enrolment = new Enrolment(
      {
        ...{ store, ledger, cryptography, clock, log: silentLog, communities: ONE_COMMUNITY },
        ...{ configuration: this.configuration, mailer: undefined, geoip: undefined },
        authorities: { enrolled: async () => {} },
        software: { forget: () => {} },
      },
      { mailPrefixLength: 16, anonymousPrefixLength: 16, mailSender: 'ca@example.com' },
    )
  }

  async enrol(request = csr) {
    return this.#read(await this.enrolment.requestCertificate('', request, HERE))
  }

  async renew(prefix: string) {
    return this.#read(await this.enrolment.renewCertificate(prefix))
  }

  #read(pem: string | undefined) {
    const certificate = readNodeCertificate(pem ?? '')
    if (!certificate.ok) throw new Error(certificate.reason)
    return certificate.value
  }

  async revoke(nameOrSerial: string) {
    await revoke(this, nameOrSerial)
    await this.configuration.publish()
  }

  crl(): Promise<number[]> {
    return this.store.crl(Math.floor(this.nowMs / 1000))
  }

  async [Symbol.asyncDispose]() {
    this.configuration[Symbol.dispose]()
    await this.store[Symbol.asyncDispose]()
  }
}

it('a machine that is shut out loses its old certificates, too: those that were renewed, and can still be used', async () => {
  await using office = await Office.open()
  await office.enrol()
  const first = await office.enrol()
  office.nowMs += 340 * DAY_MS
  const second = await office.renew(first.prefix)
  expect([first.serial, second.serial]).toEqual([2n, 3n])
  await office.revoke(first.subnetName)
  expect(await office.crl()).toEqual([2, 3])
  const next = await office.enrol()
  expect(next.subnetName).toBe(first.subnetName)
  await office.revoke(first.subnetName)
  expect(await office.crl()).toEqual([2, 3, 4])
})

it('what is revoked stays so when the clock was far ahead for a while', async () => {
  await using office = await Office.open()
  await office.enrol()
  const { subnetName } = await office.enrol()
  await office.revoke(subnetName)
  const rightMs = office.nowMs
  // Its certificate has ended by then, and what has ended is cleaned up.
  office.nowMs += 400 * DAY_MS
  const { store, ledger, clock } = office
  await cleanUpExpired({ store, ledger, clock, log: silentLog }, 100 * DAY_MS, undefined)
  expect(await office.crl()).toEqual([])
  office.nowMs = rightMs
  expect(await office.crl()).toEqual([2])
})

it('who is revoked while the answer to its hello is made gets none', async () => {
  let isSlow = false
  let goOn = () => {}
  const wait = new Promise<void>((resolve) => {
    goOn = resolve
  })
  class SlowCryptography extends CaCryptography {
    override async hello(certificatePem: string) {
      if (isSlow) await wait
      return await super.hello(certificatePem)
    }
  }
  await using registry = await testRegistry({}, { cryptography: (keys) => new SlowCryptography(keys) })
  const get = (target: string) => fetch(`${registry.url}${target}`)
  const query = new URLSearchParams({ token: '', req: csr, location: '', ip: '' })
  await get(`requestCertificate?${query}`)
  const second = await (await get(`requestCertificate?${query}`)).text()
  const certificate = readNodeCertificate(second)
  if (!certificate.ok) throw new Error(certificate.reason)
  const hello = `hello?client_prefix=${certificate.value.prefix}&protocol=8`
  expect((await get(hello)).status).toBe(200)
  isSlow = true
  const answered = get(hello)
  // It waits for no more than its turn: the registry answers others meanwhile.
  await get('getCa')
  expect((await get(`revoke?cn_or_serial=${certificate.value.subnetName}`)).status).toBe(204)
  goOn()
  expect((await answered).status).toBe(404)
})

it('who is revoked while several registries note its session has none', async () => {
  await using office = await Office.open()
  await office.enrol()
  const { prefix, subnetName } = await office.enrol()
  const kept = new RegistrySessions()
  let goOn = () => {}
  const noting = new Promise<void>((resolve) => {
    goOn = resolve
  })
  let isNoting = () => {}
  const noted = new Promise<void>((resolve) => {
    isNoting = resolve
  })
  const sessions: Sessions = {
    protocolOf: async (of) => kept.protocolOf(of),
    authenticate: async (of, target, given) => kept.authenticate(of, target, given),
    withdraw: async (of, secret) => kept.withdraw(of, secret),
    end: async (of) => kept.end(of),
    // A database takes a while for it.
    async begin(of, secret, said) {
      isNoting()
      await noting
      kept.begin(of, secret, said)
    },
  }
  const methods = registryMethods({ ...office, sessions } as unknown as MethodComponents)
  const caller = { address: '127.0.0.1', client: '127.0.0.1', source: undefined }
  const answered = Promise.resolve(methods.hello({ client_prefix: prefix, protocol: '8' }, caller, unsent))
  const refused = expect(answered).rejects.toMatchObject({ status: 404 })
  await noted
  await office.revoke(subnetName)
  await sessions.end(prefix)
  goOn()
  await refused
  expect(kept.stateOf(prefix)).toBeUndefined()
})

/** Methods of an office, where what comes before the answer to a hello can be done. */
function methodsOf(office: Office, meanwhile: () => Promise<unknown>) {
  const sessions = ownSessions()
  const cryptography = {
    hello: async (pem: string) => {
      const answer = await office.cryptography.hello(pem)
      await meanwhile()
      return answer
    },
  }
  const methods = registryMethods({ ...office, sessions, cryptography } as unknown as MethodComponents)
  const caller = { address: '127.0.0.1', client: '127.0.0.1', source: undefined }
  const hello = async (prefix: string, key = 'node-a') => {
    const answer = await methods.hello({ client_prefix: prefix, protocol: '8' }, caller, unsent)
    const octets = Buffer.from(answer ?? '')
    const decrypt = makeDecryptor(createPrivateKey(pki.keys[key] ?? ''))
    return decrypt(octets.subarray(0, octets.length / 2))
  }
  const call = async (prefix: string, secret: Buffer) =>
    (await sessions.authenticate(prefix, '/getDh', requestHmac(secret, '/getDh'))).kind
  return { hello, call }
}

it('who is renewed while the answer to its hello is made goes on with it', async () => {
  await using office = await Office.open()
  await office.enrol()
  const { prefix } = await office.enrol()
  office.nowMs += 340 * DAY_MS
  const methods = methodsOf(office, () => office.renew(prefix))
  const secret = await methods.hello(prefix)
  expect(await methods.call(prefix, secret)).toBe('authentic')
})

it('a hello to the one before ends no session of whoever has its prefix now', async () => {
  await using office = await Office.open()
  await office.enrol()
  const { prefix, subnetName } = await office.enrol()
  let secret: Buffer | undefined
  const next = methodsOf(office, async () => {
    if (secret) return
    secret = Buffer.alloc(0)
    await office.revoke(subnetName)
    expect((await office.enrol(pki.csr['node-b'])).prefix).toBe(prefix)
    secret = await next.hello(prefix, 'node-b')
  })
  await expect(next.hello(prefix)).rejects.toMatchObject({ status: 404 })
  expect(await next.call(prefix, secret ?? Buffer.alloc(0))).toBe('authentic')
})

it('with a machine goes the session that several registries keep of it, in one transaction', async () => {
  await using office = await Office.open()
  await office.enrol()
  const { prefix, subnetName } = await office.enrol()
  await office.store.write((writable) => writable.setSession(prefix, undefined, 'state', 0))
  expect(await office.store.session(prefix)).toBe('state')
  await office.revoke(subnetName)
  expect(await office.store.session(prefix)).toBeUndefined()
})

it('any serial that could still be used can be revoked, and none that nobody could use', async () => {
  await using office = await Office.open()
  const { prefix } = await office.enrol()
  office.nowMs += 340 * DAY_MS
  await office.renew(prefix)
  await office.revoke('1')
  expect(await office.crl()).toEqual([1])
  // Twice is no error: an answer may have been lost.
  await office.revoke('1')
  await expect(office.revoke('9')).rejects.toMatchObject({ status: 404 })
  // The end of the first has come.
  office.nowMs += 26 * DAY_MS
  expect(await office.crl()).toEqual([])
  await office.revoke('2')
  expect(await office.crl()).toEqual([2])
})

// It knows no other kind of database.
it.runIf(DATABASE_KIND === 'SQLite')(
  'serials that another implementation has given are known after the next start',
  async () => {
    const path = await emptyDatabase()
    {
      await using office = await Office.open(path)
      await office.enrol()
    }
    // It deletes the row, and inserts it again.
    await changeIn(
      path,
      ...['DELETE FROM issued', 'CREATE TEMP TABLE t AS SELECT * FROM cert'],
      ...['DELETE FROM cert', 'INSERT INTO cert SELECT * FROM t'],
    )
    await using office = await Office.open(path)
    await office.revoke('0/16')
    expect(await office.crl()).toEqual([1])
  },
)

it('a certificate that is written just before its machine is shut out is revoked, too', async () => {
  await using office = await Office.open()
  await office.enrol()
  const { prefix, subnetName } = await office.enrol()
  office.nowMs += 340 * DAY_MS
  // Both are in one transaction: renewed first, then revoked.
  let revoked: Promise<void> | undefined
  let writes = 0
  const write = office.store.write.bind(office.store)
  office.store.write = (change) => {
    const written = write(change)
    // The first of a renewal takes a serial.
    if (++writes === 2) revoked = office.revoke(subnetName)
    return written
  }
  const renewed = await office.renew(prefix)
  await revoked
  expect(renewed.serial).toBe(3n)
  expect(await office.crl()).toEqual([2, 3])
  expect((await office.enrol()).prefix).toBe(prefix)
})

it('a version that cannot be published is published by itself, and a second call is no error', async () => {
  await using office = await Office.open()
  const { subnetName } = await office.enrol()
  expect(office.announced).toHaveLength(1)
  // To tell the node again, which is not what this is about.
  office.timers.length = 0
  const { version } = office.configuration
  let writes = 0
  office.failing = () => ++writes > 1
  await expect(office.revoke(subnetName)).rejects.toThrow('the disk is full')
  expect([await office.crl(), office.configuration.version]).toEqual([[1], version])
  // Still: tried again later.
  office.timers.pop()?.()
  await expect.poll(() => office.timers.length).toBe(1)
  office.failing = undefined
  office.timers.pop()?.()
  await expect.poll(() => office.configuration.version).not.toEqual(version)
  await expect.poll(() => office.announced).toHaveLength(2)
  await office.revoke(subnetName)
  expect(office.announced).toHaveLength(2)
})

it('a version that could not be published is published also when a change is refused meanwhile', async () => {
  await using office = await Office.open()
  const { subnetName } = await office.enrol()
  const { configuration, timers } = office
  const { version } = configuration
  const refuse = () => {
    throw new Refusal(409, 'look again')
  }
  const refused = () => configuration.change({}, refuse).catch(({ status }: Refusal) => status)
  let writes = 0
  let meanwhile: Promise<unknown> | undefined
  office.failing = () => {
    if (++writes === 1) return false
    meanwhile ??= refused()
    return true
  }
  timers.length = 0
  await expect(office.revoke(subnetName)).rejects.toThrow('the disk is full')
  expect([await meanwhile, await refused()]).toEqual([409, 409])
  office.failing = undefined
  expect(configuration.version).toEqual(version)
  for (const timer of timers.splice(0)) timer()
  await expect.poll(() => configuration.version).not.toEqual(version)
})

it('keys are rotated with their version, or not at all', async () => {
  await using office = await Office.open()
  await office.enrol()
  await office.configuration.beginKeys(Buffer.alloc(16, 1))
  const stateOf = () =>
    Promise.all(
      ['babel_hmac0', 'babel_hmac1', 'babel_hmac2', 'version'].map((name) => office.store.config(name)),
    )
  const before = await stateOf()
  let steps = 0
  office.configuration.onRotated(() => steps++)
  office.failing = () => true
  await expect(office.configuration.rotateKeys(Buffer.alloc(16, 2), office.nowMs)).rejects.toThrow()
  expect(await stateOf()).toEqual(before)
  expect(steps).toBe(0)
  office.failing = undefined
  await office.configuration.rotateKeys(Buffer.alloc(16, 2), office.nowMs)
  expect((await stateOf()).slice(0, 2)).toEqual([Buffer.alloc(16, 1), Buffer.alloc(16, 2)])
  expect(steps).toBe(1)
  expect(office.announced).toHaveLength(2)
})

it('of two steps of the rotation that were asked for at one step, one is taken', async () => {
  const path = await emptyDatabase()
  await using office = await Office.open(path)
  await office.configuration.beginKeys(Buffer.alloc(16, 1))
  await office.configuration.publish()
  await using other = await Office.open(path)
  const rotateFromIdle = (one: Office, key: number) =>
    one.configuration.rotateKeys(Buffer.alloc(16, key), one.nowMs, (left) => {
      if (left !== 'idle') throw new Refusal(409, `the step is ${left}`)
      return async () => {}
    })
  for (const offices of [
    [office, office],
    [office, other],
  ] as const) {
    const results = await Promise.allSettled(offices.map((one, key) => rotateFromIdle(one, 2 + key)))
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    // Whoever was refused knows by then what there is.
    for (const { configuration } of offices) expect(configuration.rotationStep).toBe('announced')
    // What was refused is not tried again.
    expect(offices.flatMap(({ timers }) => timers)).toEqual([])
    for (const _ of [1, 2]) await office.configuration.rotateKeys(Buffer.alloc(16, 9), office.nowMs)
    await other.configuration.load()
  }
})

it('settings are not changed where another process has changed what was looked at', async () => {
  const path = await emptyDatabase()
  await using office = await Office.open(path)
  await office.configuration.publish()
  await using other = await Office.open(path)
  const from = office.configuration.versionNumber
  const results = await Promise.allSettled(
    [office, other].map(({ configuration }, index) =>
      configuration.change({ helloSeconds: 20 + index }, (version) => {
        if (version !== from) throw new Refusal(409, `it is version ${version}`)
        return async () => {}
      }),
    ),
  )
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  await office.configuration.load()
  expect(office.configuration.versionNumber).toBe(from + 1)
})

it('what another process publishes while it is read is read as a whole', async () => {
  const path = await emptyDatabase()
  await using office = await Office.open(path)
  await office.configuration.beginKeys(Buffer.alloc(16, 1))
  await office.configuration.publish()
  await using other = await Office.open(path)
  const { crl } = office.store
  office.store.crl = async (...args) => {
    office.store.crl = crl
    await other.configuration.rotateKeys(Buffer.alloc(16, 2), other.nowMs)
    return crl.apply(office.store, args)
  }
  await office.configuration.follow()
  expect(office.configuration.version).toEqual(other.configuration.version)
  expect(office.configuration.rotationStep).toBe('announced')
})

it('what another process has published and cannot be read is read again by itself', async () => {
  const path = await emptyDatabase()
  await using office = await Office.open(path)
  await office.enrol()
  await using other = await Office.open(path)
  await other.configuration.rotateKeys(Buffer.alloc(16, 2), other.nowMs)
  const { crl } = office.store
  office.store.crl = async () => {
    throw new Error('no server takes changes')
  }
  await expect(office.configuration.follow()).rejects.toThrow()
  office.store.crl = crl
  office.timers.pop()?.()
  await expect.poll(() => office.configuration.version).toEqual(other.configuration.version)
  expect(office.announced).toHaveLength(2)
})

it('a certificate that cannot be read is shut out by name, and its prefix is free', async () => {
  const path = await emptyDatabase()
  {
    await using office = await Office.open(path)
    await office.enrol()
    await office.enrol()
  }
  await changeIn(path, `UPDATE cert SET cert = 'garbage' WHERE prefix = '${'1'.padStart(16, '0')}'`)
  await using office = await Office.open(path)
  expect((await office.enrol()).subnetName).toBe('2/16')
  await office.revoke('1/16')
  // Its serial was written down when it was given.
  expect(await office.crl()).toEqual([2])
  expect((await office.enrol()).subnetName).toBe('1/16')
})
