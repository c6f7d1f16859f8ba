import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { encodeNetworkConfig, readNetworkConfig } from '../../../../src/core/config/network-config.ts'
import { PROTOCOL } from '../../../../src/core/config/protocol-number.ts'
import { makeDecryptor } from '../../../../src/core/crypto/rsa.ts'
import type { NodeOptions } from '../../../../src/core/options/node-options.ts'
import { openCache } from '../../../../src/node/cache/cache.ts'
import { type Foundation, layFoundation } from '../../../../src/node/start/foundation.ts'
import { CleanUp } from '../../../../src/platform/clean-up.ts'
import type { ProcessEnd, Processes } from '../../../../src/platform/processes.ts'
import { makeVersion } from '../../../support/network-version.ts'
import { seededRandom } from '../../../support/random.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import { recordedCertificate } from '../../../support/sessions.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const certificate = recordedCertificate('node-a')

let directory: string
let cleanUp: CleanUp
beforeEach(() => {
  directory = temporaryDirectory()
  cleanUp = new CleanUp()
  writeFileSync(file('ca.crt'), pki.ca)
  writeFileSync(file('cert.crt'), certificate.x509.toString())
  writeFileSync(file('cert.key'), pki.keys['node-a'] ?? '')
})
afterEach(() => cleanUp[Symbol.asyncDispose]())

const file = (name: string) => join(directory, name)

/** A machine on which nothing happens, and what was done to it. */
function machine() {
  const done: string[] = []
  const processes: Processes = {
    async run(command, args) {
      done.push([command, ...args].join(' '))
      return { stdout: '[]', stderr: '' }
    },
    start(command, args) {
      done.push([command, ...args].join(' '))
      let finish: (end: ProcessEnd) => void = () => {}
      const ended = new Promise<ProcessEnd>((resolve) => {
        finish = resolve
      })
      const stop = () => {
        finish({ kind: 'exited', status: 0 })
        return ended
      }
      return { pid: 1, ended, signal() {}, write() {}, stop }
    },
  }
  const settings = new Map([['net/ipv6/conf/all/forwarding', '0']])
  const sysctls = {
    read: async (path: string) => settings.get(path),
    write: async (path: string, value: string) => {
      done.push(`${path}=${value}`)
      settings.set(path, value)
    },
  }
  return { done, settings, processes, sysctls }
}

function begin(
  on = machine(),
  { clock = steppedClock(certificate.notBeforeMs), signal = new AbortController().signal } = {},
): { readonly laid: Promise<Foundation>; readonly clock: typeof clock; readonly on: typeof on } {
  const options = {
    ...{ ca: file('ca.crt'), cert: file('cert.crt'), key: file('cert.key') },
    ...{ controlSocket: file('control.sock'), stateDirectory: directory, interfaces: [] },
    // Nobody is there.
    registry: new URL('http://127.0.0.1:9/'),
    ...{ defaultRoute: false, router: 're6st' },
  } as unknown as NodeOptions
  const { processes, sysctls } = on
  const laid = layFoundation({
    ...{ options, cleanUp, signal, processes, sysctls, clock, log: silentLog },
    random: seededRandom(1),
    onEnd: () => {},
  })
  // Whoever waits for it is told.
  laid.catch(() => {})
  return { laid, clock, on }
}

/** What the network had when this node ran the last time. */
function fillCache(): void {
  const caKey = createPrivateKey(pki.keys['ca'] ?? '')
  const answer = encodeNetworkConfig({
    ...{ registry_prefix: '0000000000000000', protocol: PROTOCOL, min_protocol: 1 },
    ...{ version: makeVersion(3n, caKey), client_count: 10, max_clients: 10, hello: 4 },
    ...{ tunnel_refresh: 300, encrypt: true },
  })
  const config = readNetworkConfig(answer, {
    caPublicKey: new X509Certificate(pki.ca).publicKey,
    decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
  })
  if (!config.ok) throw new Error(config.reason)
  using cache = openCache(file('cache.db'), silentLog)
  cache.writeConfig(config.value.values)
}

it('with what is in the cache waits for no registry, and no time', async () => {
  fillCache()
  const { laid, on } = begin()
  const { config, sourceSpecific, identity } = await laid
  expect(config.helloIntervalMs).toBe(4_000)
  expect(sourceSpecific).toBe(true)
  expect(identity.prefix).toBe(certificate.prefix)
  expect(on.settings.get('net/ipv6/conf/all/forwarding')).toBe('1')
})

it('leaves the machine as it was when the node stops', async () => {
  fillCache()
  const { laid, on } = begin()
  await laid
  expect(existsSync(file('control.sock'))).toBe(true)
  await cleanUp[Symbol.asyncDispose]()
  expect(on.settings.get('net/ipv6/conf/all/forwarding')).toBe('0')
  expect(existsSync(file('control.sock'))).toBe(false)
})

it('beside a node that runs changes nothing', async () => {
  fillCache()
  await begin().laid
  const { laid, on } = begin()
  await expect(laid).rejects.toMatchObject({ code: 'SYSTEM' })
  expect(on.done).toEqual([])
})

it('with certificate and key that do not belong together begins nothing', async () => {
  writeFileSync(file('cert.key'), pki.keys['node-b'] ?? pki.keys['ca'] ?? '')
  const { laid, on } = begin()
  await expect(laid).rejects.toMatchObject({ code: 'CERTIFICATE' })
  expect([on.done, existsSync(file('control.sock'))]).toEqual([[], false])
})

it('without a cache waits for the registry, answers those who ask meanwhile, and ends when it is told to', async () => {
  const stopping = new AbortController()
  const { laid } = begin(machine(), { signal: stopping.signal })
  await expect.poll(() => existsSync(file('control.sock'))).toBe(true)
  stopping.abort(new Error('the node stops'))
  await expect(laid).rejects.toThrow('the node stops')
})

it('tells whoever listens that the clock was set, whenever that is', async () => {
  fillCache()
  const { laid, clock } = begin()
  const { onClockSet } = await laid
  let count = 0
  onClockSet(() => count++)
  await clock.pass(10_000)
  expect(count).toBe(0)
})
