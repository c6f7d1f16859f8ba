import { createPrivateKey, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeNetworkConfig, readNetworkConfig } from '../../src/core/config/network-config.ts'
import { PROTOCOL } from '../../src/core/config/protocol-number.ts'
import { makeDecryptor } from '../../src/core/crypto/rsa.ts'
import { readCommandLine } from '../../src/core/options/command-line.ts'
import { NODE_COMMAND, type NodeOptions, nodeOptions } from '../../src/core/options/node-options.ts'
import { refuse } from '../../src/core/result.ts'
import { openCache } from '../../src/node/cache/cache.ts'
import { CleanUp } from '../../src/platform/clean-up.ts'
import type { ProcessEnd, Processes } from '../../src/platform/processes.ts'
import { makeVersion } from './network-version.ts'
import { seededRandom } from './random.ts'
import { temporaryDirectory } from './registry.ts'
import { recordedCertificate } from './sessions.ts'
import { silentLog } from './silent-log.ts'
import { type SteppedClock, steppedClock } from './stepped-clock.ts'
import { vectors } from './vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')

/** A machine on which nothing happens, and what was done to it. */
export function idleMachine() {
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
      return { pid: 1, ended, signal() {}, write() {}, endInput() {}, stop }
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

/** The files of a node of the recorded network, on a machine of its own with a clock that stands still. */
export class StartingNode implements AsyncDisposable {
  readonly directory = temporaryDirectory()
  readonly cleanUp = new CleanUp()
  readonly certificate = recordedCertificate('node-a')
  readonly clock: SteppedClock = steppedClock(this.certificate.notBeforeMs)
  readonly random = seededRandom(1)
  readonly log = silentLog
  readonly stopping = new AbortController()

  constructor() {
    writeFileSync(this.file('ca.crt'), pki.ca)
    writeFileSync(this.file('cert.crt'), this.certificate.x509.toString())
    writeFileSync(this.file('cert.key'), pki.keys['node-a'] ?? '')
  }

  file(name: string): string {
    return join(this.directory, name)
  }

  /** The options of its start. Nobody is where its registry should be. */
  options(...more: readonly string[]): NodeOptions {
    const args = [
      ...['--registry', 'http://127.0.0.1:9/', '--ca', this.file('ca.crt'), '--cert', this.file('cert.crt')],
      ...['--key', this.file('cert.key'), '--run', this.directory, '--state', this.directory],
      ...['--log', this.directory, ...more],
    ]
    const read = readCommandLine(NODE_COMMAND, nodeOptions, args, () => refuse('no files'))
    if (!read.ok || read.value.kind !== 'run') throw new Error('the options are wrong')
    return read.value.options
  }

  /** It has what the network had when it ran the last time. */
  fillCache(): void {
    const answer = encodeNetworkConfig({
      ...{ registry_prefix: '0000000000000000', protocol: PROTOCOL, min_protocol: 1 },
      ...{
        version: makeVersion(3n, createPrivateKey(pki.keys['ca'] ?? '')),
        client_count: 10,
        max_clients: 10,
      },
      ...{ hello: 4, tunnel_refresh: 300, encrypt: true },
    })
    const config = readNetworkConfig(answer, {
      caPublicKey: new X509Certificate(pki.ca).publicKey,
      decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
    })
    if (!config.ok) throw new Error(config.reason)
    using cache = openCache(this.file('cache.db'), silentLog)
    cache.writeConfig(config.value.values)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort(new Error('the node stops'))
    await this.cleanUp[Symbol.asyncDispose]()
  }
}
