import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Re6stError } from '../src/core/errors.ts'
import {
  type Network,
  nodeAddress,
  type Prefix,
  prefixOfSubnetName,
  subnetCidr,
} from '../src/core/values/prefix.ts'
import type { ProcessEnd } from '../src/platform/processes.ts'
import type { LabProcess } from './lab-process.ts'
import type { Machine } from './machine.ts'
import { programOf } from './programs.ts'

/** The router of nodes whose options name none: scenarios can be run with the other one, `RE6ST_TEST_ROUTER=babeld`. */
export const TEST_ROUTER = process.env['RE6ST_TEST_ROUTER'] || 're6st'

/** Whether a line of a log is a warning or an error. */
export const isComplaint = (line: string): boolean => / (?:WARN |ERROR) /.test(line)

/** A machine with a certificate, and the `re6stnet` that runs there. */
export class Re6stNode {
  readonly machine: Machine
  readonly network: Network
  readonly #registryUrl: string
  #daemon: LabProcess | undefined
  /** Read once: a renewed certificate has the same. */
  #subnetName: string | undefined
  #options: readonly string[] = []
  /**
   * Programs that become the daemon, e.g. `nsenter` of a mount namespace, and with it all that it starts: from its next
   * start on. Whoever looks at it from inside runs under them, too.
   */
  under: readonly string[] = []

  constructor(network: Network, machine: Machine, registryUrl: string) {
    this.machine = machine
    this.network = network
    this.#registryUrl = registryUrl
  }

  get name(): string {
    return this.machine.name
  }

  /** Where `re6st-conf` put its files. */
  get configurationDirectory(): string {
    return path.join(this.machine.directory, 'etc')
  }

  get certificateFile(): string {
    return path.join(this.configurationDirectory, 'cert.crt')
  }

  /** Its certificate, as it is now. */
  get certificate(): X509Certificate {
    return new X509Certificate(readFileSync(this.certificateFile))
  }

  /** Name of its subnet (`5/16`), as its certificate says. */
  get subnetName(): string {
    this.#subnetName ??= /^CN=(.*)$/m.exec(this.certificate.subject)?.[1] ?? ''
    return this.#subnetName
  }

  get prefix(): Prefix {
    const prefix = prefixOfSubnetName(this.subnetName)
    if (!prefix.ok) throw new Re6stError('CERTIFICATE', prefix.reason)
    return prefix.value
  }

  get subnetCidr(): string {
    return subnetCidr(this.network, this.prefix)
  }

  /** Its address in the network. */
  get address(): string {
    return nodeAddress(this.network, this.prefix)
  }

  get runDirectory(): string {
    return path.join(this.machine.directory, 'run')
  }

  get stateDirectory(): string {
    return path.join(this.machine.directory, 'lib')
  }

  get logDirectory(): string {
    return path.join(this.machine.directory, 'log')
  }

  get logFile(): string {
    return path.join(this.logDirectory, 're6stnet.log')
  }

  /** All that it has logged. */
  log(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** The same, line by line. */
  logLines(): readonly string[] {
    return this.log().split('\n').filter(Boolean)
  }

  /** Of these, the warnings and errors: what an operator is to see. */
  complaints(): readonly string[] {
    return this.logLines().filter(isComplaint)
  }

  /** The running daemon, or the last one. */
  get daemon(): LabProcess | undefined {
    return this.#daemon
  }

  /** The command line that starts it by hand. */
  commandLine(options: readonly string[] = this.#options): string[] {
    const file = (name: string) => path.join(this.configurationDirectory, name)
    return [
      ...programOf('re6stnet'),
      ...['--registry', this.#registryUrl],
      ...['--ca', file('ca.crt'), '--cert', file('cert.crt'), '--key', file('cert.key')],
      ...['--log', this.logDirectory, '--run', this.runDirectory, '--state', this.stateDirectory],
      ...['--verbose', '3', ...(options.includes('--router') ? [] : ['--router', TEST_ROUTER]), ...options],
    ]
  }

  /** Starts the daemon, with these options from now on. Does not wait for anything. */
  start(...options: string[]): LabProcess {
    if (options.length > 0) this.#options = options
    for (const directory of [this.logDirectory, this.runDirectory, this.stateDirectory])
      mkdirSync(directory, { recursive: true })
    this.#daemon = this.machine.start([...this.under, ...this.commandLine()], { name: 're6stnet' })
    return this.#daemon
  }

  /** TERM, and the end. */
  async stop(graceMs = 15_000): Promise<ProcessEnd | undefined> {
    return this.#daemon?.stop(graceMs)
  }

  /** kill -9 of the daemon alone; what it started must look after itself. */
  async killHard(): Promise<void> {
    await this.#daemon?.killHard()
  }

  /** Switches a machine on again that had no power, and starts its node with the same options. */
  async bootAndStart(): Promise<LabProcess> {
    await this.machine.boot()
    return this.start()
  }
}
