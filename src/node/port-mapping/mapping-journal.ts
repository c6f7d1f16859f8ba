import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { messageOf } from '../../core/errors.ts'
import type { MappedPort, MappingMethodName } from '../../core/port-mapping/mapping.ts'
import { NONCE_LENGTH } from '../../core/port-mapping/pcp.ts'
import { replaceFile } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'
import { type Gateway, isSameGateway } from './gateway.ts'

/** Mappings at one gateway, by one method. */
export interface JournalEntry {
  readonly gateway: Gateway
  readonly method: MappingMethodName
  readonly ports: readonly MappedPort[]
}

/**
 * Which mappings we have, or may have, in a file: after kill -9 the next start takes them over, or removes them. A
 * mapping is written down before it is asked for.
 */
export class MappingJournal {
  readonly #file: string
  readonly #log: Logger
  #isWritable = true
  #entry: JournalEntry | undefined
  #nonce: Uint8Array = randomBytes(NONCE_LENGTH)

  private constructor(file: string, log: Logger) {
    this.#file = file
    this.#log = log
  }

  /** Reads what a predecessor left. A file that makes no sense is taken for none: leases end by themselves. */
  static async open(file: string, log: Logger): Promise<MappingJournal> {
    const journal = new MappingJournal(file, log)
    const content = contentOf(await readFile(file, 'utf8').catch(() => ''))
    if (content === undefined) return journal
    const { nonce, ...entry } = content
    journal.#nonce = Buffer.from(nonce, 'hex')
    journal.#entry = entry
    return journal
  }

  /** Shows a gateway that mappings are ours. */
  get nonce(): Uint8Array {
    return this.#nonce
  }

  /** Nothing is written down, for no gateway. */
  get isEmpty(): boolean {
    return this.#entry === undefined
  }

  /** Method of the mappings at this gateway. */
  methodAt(gateway: Gateway): MappingMethodName | undefined {
    return this.#entryAt(gateway)?.method
  }

  /** Mappings at this gateway. */
  portsAt(gateway: Gateway): readonly MappedPort[] {
    return this.#entryAt(gateway)?.ports ?? []
  }

  /** Writes down the one mapping of an internal port; those at another gateway, or by another method, are forgotten. */
  async note(gateway: Gateway, method: MappingMethodName, port: MappedPort): Promise<void> {
    const old = this.#entryAt(gateway)
    const others = old?.method === method ? old.ports : []
    const known = others.some((other) => isSamePort(other, port) && other.externalPort === port.externalPort)
    if (known) return
    const ports = [...others.filter((other) => !isSamePort(other, port)), port]
    await this.#write({ gateway, method, ports })
  }

  /** To be called when a mapping was removed. */
  async forget(port: MappedPort): Promise<void> {
    if (this.#entry === undefined) return
    const ports = this.#entry.ports.filter((other) => !isSamePort(other, port))
    if (ports.length < this.#entry.ports.length) await this.#write({ ...this.#entry, ports })
  }

  #entryAt(gateway: Gateway): JournalEntry | undefined {
    return isSameGateway(this.#entry?.gateway, gateway) ? this.#entry : undefined
  }

  async #write(entry: JournalEntry): Promise<void> {
    this.#entry = entry.ports.length > 0 ? entry : undefined
    try {
      if (this.#entry === undefined) await rm(this.#file, { force: true })
      // The nonce is what keeps others from removing our mappings.
      else await replaceFile(this.#file, this.#content(this.#entry), 0o600)
      this.#isWritable = true
    } catch (error) {
      // A full disk is no reason to be unreachable: at worst a mapping outlives us until its lease ends.
      if (this.#isWritable) this.#log.warn({ reason: messageOf(error) }, `${this.#file} cannot be written`)
      this.#isWritable = false
    }
  }

  #content(entry: JournalEntry): string {
    return `${JSON.stringify({ ...entry, nonce: Buffer.from(this.#nonce).toString('hex') })}\n`
  }
}

/** Whether both are of the same port of ours. */
export const isSamePort = (
  one: Pick<MappedPort, 'protocol' | 'internalPort'>,
  other: Pick<MappedPort, 'protocol' | 'internalPort'>,
): boolean => one.protocol === other.protocol && one.internalPort === other.internalPort

const METHODS: readonly unknown[] = ['pcp', 'nat-pmp', 'upnp'] satisfies MappingMethodName[]

function contentOf(text: string): (JournalEntry & { readonly nonce: string }) | undefined {
  try {
    const { gateway, method, ports, nonce } = JSON.parse(text) as Partial<JournalEntry & { nonce: string }>
    const isGateway = isIPv4(gateway?.address ?? '') && isIPv4(gateway?.localAddress ?? '')
    const isNonce = typeof nonce === 'string' && new RegExp(`^[0-9a-f]{${2 * NONCE_LENGTH}}$`).test(nonce)
    if (!isGateway || !isNonce || !METHODS.includes(method) || !Array.isArray(ports) || !ports.every(isPort))
      return undefined
    return { gateway, method, ports, nonce } as JournalEntry & { nonce: string }
  } catch {
    return undefined
  }
}

function isPort(value: unknown): value is MappedPort {
  const { protocol, internalPort, externalPort } = (value ?? {}) as Partial<MappedPort>
  const isNumber = (port: unknown) => Number.isInteger(port) && Number(port) > 0 && Number(port) < 0x10000
  return (protocol === 'tcp' || protocol === 'udp') && isNumber(internalPort) && isNumber(externalPort)
}
