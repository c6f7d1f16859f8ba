import { ok, type Result, refuse } from '../result.ts'
import { type BlockHead, type ManagementLine, parseManagementLine } from './management-line.ts'

/** The variables that OpenVPN tells about a client or a connection. */
export type Environment = ReadonlyMap<string, string>

/** What OpenVPN said: a line that stands for itself, or a whole block with its environment. */
export type ManagementMessage =
  | Exclude<ManagementLine, BlockHead | { kind: 'environment' } | { kind: 'environment-end' }>
  | (BlockHead & { readonly environment: Environment })

/** The longest line of OpenVPN that we have seen is a certificate subject of some hundred bytes. */
const LONGEST_LINE = 65_536
/** OpenVPN itself tells about sixty; the peer chooses some of them (`IV_…`, parts of its subject). */
const MOST_VARIABLES = 1_000

/**
 * Turns the bytes of a management connection into messages. After a refusal the reader is of no more use: what follows
 * cannot be told apart any more, and the connection must be ended.
 */
export class ManagementReader {
  readonly #decoder = new TextDecoder()
  #rest = ''
  #head: BlockHead | undefined
  #environment = new Map<string, string>()

  /** The messages that this chunk completes. */
  push(chunk: Uint8Array): Result<ManagementMessage[]> {
    this.#rest += this.#decoder.decode(chunk, { stream: true })
    const lines = this.#rest.split(/\r?\n/)
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > LONGEST_LINE) return refuse('a line without an end')
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
        if (this.#head) this.#environment.set(line.name, line.value)
        return this.#environment.size > MOST_VARIABLES ? refuse('too many variables') : ok(undefined)
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
