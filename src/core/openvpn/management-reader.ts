import { ok, type Result, refuse } from '../result.ts'
import { type BlockHead, type ManagementLine, parseManagementLine } from './management-line.ts'

/** The variables that we read. */
const VARIABLES = [
  'common_name',
  'tls_serial_0',
  'untrusted_ip',
  'untrusted_ip6',
  'untrusted_port',
  'OPENVPN_external_ip',
] as const

type Variable = (typeof VARIABLES)[number]

/**
 * What OpenVPN tells about a client or a connection, as far as we read it. The peer chooses how many others there are
 * (`IV_…`, the parts of its subject): they are passed over, for a server's conversation is about all of its clients.
 */
export type Environment = ReadonlyMap<Variable, string>

/** What OpenVPN said: a line that stands for itself, or a whole block with its environment. */
export type ManagementMessage =
  | Exclude<ManagementLine, BlockHead | { kind: 'environment' } | { kind: 'environment-end' }>
  | (BlockHead & { readonly environment: Environment })

/**
 * Longer lines are cut: they hold what a peer chose, such as the subject of its certificate, and must not end the
 * conversation about all others. What we read of a line is some hundred bytes.
 */
const LONGEST_LINE = 16_384

/**
 * Turns the bytes of a management connection into messages. After a refusal the reader is of no more use: what follows
 * cannot be told apart any more, and the connection must be ended.
 */
export class ManagementReader {
  readonly #decoder = new TextDecoder()
  #rest = ''
  #head: BlockHead | undefined
  #environment = new Map<Variable, string>()

  /** The messages that this chunk completes. */
  push(chunk: Uint8Array): Result<ManagementMessage[]> {
    this.#rest += this.#decoder.decode(chunk, { stream: true })
    const lines = this.#rest.split(/\r?\n/)
    this.#rest = lines.pop() ?? ''
    // Cut now, so that the rest of it costs no memory.
    if (this.#rest.length > LONGEST_LINE) this.#rest = this.#rest.slice(0, LONGEST_LINE)
    const messages: ManagementMessage[] = []
    for (const line of lines) {
      if (line === '') continue
      const parsed = parseManagementLine(line)
      if (!parsed.ok) return parsed
      const message = this.#take(parsed.value)
      if (!message.ok) return message
      if (message.value) messages.push(message.value)
    }
    return ok(messages)
  }

  #take(line: ManagementLine): Result<ManagementMessage | undefined> {
    switch (line.kind) {
      case 'client-connect':
      case 'client-reauth':
      case 'client-established':
      case 'client-disconnect':
      case 'up':
      case 'down':
        if (this.#head) return refuse(`${line.kind} inside ${this.#head.kind}`)
        this.#head = line
        this.#environment = new Map()
        return ok(undefined)
      case 'environment':
        // Blocks of kinds that we do not know have an environment too: without a head it is passed over.
        if (this.#head && isRead(line.name)) this.#environment.set(line.name, line.value)
        return ok(undefined)
      case 'environment-end': {
        const head = this.#head
        this.#head = undefined
        return ok(head && { ...head, environment: this.#environment })
      }
      default:
        return ok(line)
    }
  }
}

const isRead = (name: string): name is Variable => VARIABLES.some((variable) => variable === name)
