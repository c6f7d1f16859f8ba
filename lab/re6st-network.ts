import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import { Re6stError } from '../src/core/errors.ts'
import { bitsOfAddress } from '../src/core/values/bits.ts'
import { type Network, networkCidr, networkOfBits } from '../src/core/values/prefix.ts'
import { type Authority, expiredCopy, makeAuthority } from './authority.ts'
import type { Lab } from './lab.ts'
import type { LabProcess } from './lab-process.ts'
import type { Machine } from './machine.ts'
import { missingPairs, pingAllPairs } from './pings.ts'
import { programOf } from './programs.ts'
import { Re6stNode } from './re6st-node.ts'

/** What a network of a scenario is made with. */
export interface NetworkOptions {
  /** On which machine the registry runs. Its own node should be enrolled first, on the same machine. */
  readonly registryOn: Machine
  /** Babel's hello interval, in seconds. Short: a scenario wants to be over soon. */
  readonly helloSeconds?: number
  /** More options of `re6st-registry`. */
  readonly registryOptions?: readonly string[]
  /** Environment of `re6st-registry`: where its GeoIP database is. */
  readonly registryEnvironment?: Readonly<Record<string, string>>
  /** CIDR notation. */
  readonly network?: string
}

/** How a machine is enrolled. */
export interface EnrolOptions {
  /** Without a mailed token. The registry needs `--anonymous-prefix-length`. */
  readonly anonymous?: boolean
  /** More options of `re6st-conf`. */
  readonly options?: readonly string[]
}

const DEFAULT_NETWORK = '2001:db8:42::/48'
const DEFAULT_HELLO_SECONDS = 1
const REGISTRY_START_MS = 60_000
const PAIRS_TIMEOUT_MS = 500
/** In bash's own words: a Node.js that is started for it would cost fifty times as much. */
const CONNECT = 'exec 3<>/dev/tcp/127.0.0.1/80'
const HTTP_GET = `${CONNECT}
  printf 'GET %s HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n' "$1" >&3
  cat <&3`

/** A re6st network in a lab: its authority, its registry, and the nodes that were enrolled. */
export class Re6stNetwork {
  readonly lab: Lab
  readonly network: Network
  readonly authority: Authority
  readonly registryMachine: Machine
  #registryArguments: readonly string[]
  readonly #registryEnvironment: Readonly<Record<string, string>>
  readonly #nodes: Re6stNode[] = []
  #registry: LabProcess | undefined

  private constructor(lab: Lab, network: Network, authority: Authority, options: NetworkOptions) {
    this.lab = lab
    this.network = network
    this.authority = authority
    this.registryMachine = options.registryOn
    this.#registryEnvironment = options.registryEnvironment ?? {}
    this.#registryArguments = [
      ...['--ca', authority.caFile, '--key', authority.keyFile, '--db', this.registryFile('registry.db')],
      ...['--mailhost', this.registryFile('mbox'), '--logfile', this.registryFile('registry.log')],
      ...['--hello', `${options.helloSeconds ?? DEFAULT_HELLO_SECONDS}`],
      ...['--verbose', '3', ...(options.registryOptions ?? [])],
    ]
  }

  /** Makes the authority and starts the registry. */
  static async create(lab: Lab, options: NetworkOptions): Promise<Re6stNetwork> {
    const network = networkOfCidr(options.network ?? DEFAULT_NETWORK)
    const directory = path.join(options.registryOn.directory, 'registry')
    mkdirSync(path.join(directory, 'run'), { recursive: true })
    const created = new Re6stNetwork(lab, network, await makeAuthority(directory, network), options)
    await created.startRegistry()
    return created
  }

  /** Every node, in the order of enrolment. */
  get nodes(): readonly Re6stNode[] {
    return this.#nodes
  }

  get networkCidr(): string {
    return networkCidr(this.network)
  }

  /** Where every machine reaches the registry. */
  get registryUrl(): string {
    const { ipv4, ipv6 } = this.registryMachine.addresses
    return `http://${ipv4 ?? `[${ipv6}]`}/`
  }

  /** A file of the registry. */
  registryFile(name: string): string {
    return path.join(this.registryMachine.directory, 'registry', name)
  }

  /** From its next start on, the registry is without this option. */
  dropRegistryOption(option: string): void {
    this.#registryArguments = this.#registryArguments.filter((argument) => argument !== option)
  }

  /** Starts the registry, from now on with these options more, and waits until it answers. */
  async startRegistry(...options: string[]): Promise<void> {
    this.#registryArguments = [...this.#registryArguments, ...options]
    const registry = this.registryMachine.start(
      [...programOf('re6st-registry'), ...this.#registryArguments],
      { name: 're6st-registry', environment: this.#registryEnvironment },
    )
    this.#registry = registry
    await this.lab.waitFor(
      async () => {
        if (registry.end !== undefined) return true
        const { end } = await this.registryMachine.capture('bash', '-c', CONNECT)
        return end.kind === 'exited' && end.status === 0
      },
      { what: 'the registry to listen', deadlineMs: REGISTRY_START_MS },
    )
    if (registry.end !== undefined)
      throw new Re6stError('REGISTRY', `the registry ended: ${registry.lastLines(3).join(' | ')}`)
  }

  /** Stops the registry: what runs without it must keep running. */
  async stopRegistry(): Promise<void> {
    await this.#registry?.stop()
  }

  /** kill -9. */
  async killRegistry(): Promise<void> {
    await this.#registry?.killHard()
  }

  /** Calls a private method of the registry from its own machine, as an operator would. */
  async callRegistry(method: string, parameters: Readonly<Record<string, string>> = {}): Promise<string> {
    const target = `/${method}?${new URLSearchParams(parameters)}`
    const { stdout } = await this.registryMachine.run('bash', '-c', HTTP_GET, 'bash', target)
    const [head = '', ...rest] = stdout.split('\n\n')
    const [, status = ''] = /^HTTP\/1\.1 (\d+)/.exec(head) ?? []
    const text = rest.join('\n\n')
    if (!status.startsWith('2')) throw new Re6stError('REGISTRY', `${method}: ${status} ${text}`)
    return text
  }

  /** Enrols a machine as a user would: a token is mailed, `re6st-conf` takes it. Does not start the node. */
  async enrol(machine: Machine, { anonymous = false, options = [] }: EnrolOptions = {}): Promise<Re6stNode> {
    const node = new Re6stNode(this.network, machine, this.registryUrl)
    mkdirSync(node.configurationDirectory, { recursive: true })
    const configure = (...more: string[]) =>
      machine.run(
        ...programOf('re6st-conf'),
        ...['--registry', this.registryUrl, '--dir', node.configurationDirectory, ...options, ...more],
      )
    if (anonymous) await configure('--anonymous')
    else {
      const email = `${machine.name}@lab.example`
      await this.callRegistry('requestToken', { email })
      await configure('--email', email, '--token', await this.#mailedToken(email))
    }
    this.#nodes.push(node)
    return node
  }

  /**
   * Makes the certificate of a node that does not run look as if it had expired yesterday, on its machine and in the
   * registry's database. The registry is stopped meanwhile.
   */
  async expireCertificate(node: Re6stNode): Promise<void> {
    await this.stopRegistry()
    const expired = await expiredCopy(this.authority, readFileSync(node.certificateFile, 'utf8'))
    writeFileSync(node.certificateFile, expired)
    const database = new Database(this.registryFile('registry.db'))
    database.prepare('UPDATE cert SET cert = ? WHERE prefix = ?').run(expired, node.prefix)
    database.close()
    await this.startRegistry()
  }

  /** Enrols a machine and starts its node. */
  async join(
    machine: Machine,
    { nodeOptions = [], ...enrolment }: EnrolOptions & { readonly nodeOptions?: readonly string[] } = {},
  ): Promise<Re6stNode> {
    const node = await this.enrol(machine, enrolment)
    node.start(...nodeOptions)
    return node
  }

  /** Waits until all of these nodes ping each other. @returns milliseconds that it took */
  async allPairsPing({
    nodes = this.#nodes,
    deadlineMs,
  }: {
    readonly nodes?: readonly Re6stNode[]
    readonly deadlineMs: number
  }): Promise<number> {
    const startMs = performance.now()
    await this.lab.waitFor(
      async () => {
        const missing = missingPairs(await pingAllPairs(nodes, PAIRS_TIMEOUT_MS))
        if (missing.length > 0) throw new Error(`${missing.length} pairs missing: ${missing.join(', ')}`)
        return true
      },
      { what: `all pairs of ${nodes.length} nodes to ping`, deadlineMs },
    )
    return performance.now() - startMs
  }

  /** The token in the last mail to this address. */
  #mailedToken(email: string): Promise<string> {
    return this.lab.waitFor(
      () => {
        const mails = readFileSync(this.registryFile('mbox'), 'utf8').split(/^From /m)
        const mail = mails.filter((text) => text.includes(email)).at(-1) ?? ''
        return /^Token: (\S+)$/m.exec(mail)?.[1]
      },
      { what: `a token mailed to ${email}`, deadlineMs: 60_000 },
    )
  }
}

function networkOfCidr(cidr: string): Network {
  const [address = '', length = ''] = cidr.split('/')
  const bits = bitsOfAddress(address)
  if (!bits.ok) throw new Re6stError('OPTION', bits.reason)
  return networkOfBits(bits.value.slice(0, Number(length)))
}
