import { once } from 'node:events'
import { chmod, lstat, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import {
  type ControlQuestion,
  type ControlReplies,
  type ControlRequest,
  decodeRequest,
} from '../../core/control/replies.ts'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { inBackground } from '../../platform/background.ts'
import type { Logger } from '../../platform/log.ts'
import { isListenedAt, isSocketPath, LONGEST_SOCKET_PATH } from '../../platform/unix-socket.ts'

/** Says what is asked. */
export type ControlAnswers = {
  readonly [Request in Exclude<ControlRequest, 'list'>]: (
    ...about: Arguments[Request]
  ) => ControlReplies[Request] | Promise<ControlReplies[Request]>
}

/** What belongs to a request. */
interface Arguments extends Record<Exclude<ControlRequest, 'list'>, readonly unknown[]> {
  readonly status: []
  readonly tunnels: []
  readonly routes: []
  readonly explain: [node: string]
  readonly trace: [node: string]
  readonly events: [after: number]
  readonly probe: []
  readonly drain: [undo: boolean]
}

/** A request is a few bytes. */
const MAX_REQUEST_LENGTH = 64 << 10
/** A client that is silent for so long is cut off. */
const IDLE_TIMEOUT_MS = 30_000
const MAX_CLIENTS = 64

const DESCRIPTIONS: ControlReplies['list'] = [
  { request: 'list', description: 'what can be asked' },
  { request: 'status', description: 'addresses, registry, certificate, configuration' },
  { request: 'tunnels', description: 'each tunnel, and the last ones that failed' },
  { request: 'routes', description: 'routes to nodes' },
  { request: 'explain', description: 'every way to the node that "node" names, and why it is taken or not' },
  { request: 'trace', description: 'the way to the node that "node" names, and its way back: takes seconds' },
  { request: 'events', description: 'what changed last, after the event of the number "after"' },
  {
    request: 'probe',
    description: 'asks the neighbours whether they hear us and can reach us: takes seconds',
  },
  {
    request: 'drain',
    description:
      'has others take ways that do not lead over this node, or, with "undo", lets them: takes seconds',
  },
]

/** The socket that `re6st` talks to: one JSON line for each request, and one for its answer. */
export class ControlServer implements AsyncDisposable {
  readonly #path: string
  readonly #log: Logger
  readonly #server: Server
  readonly #clients = new Set<Socket>()
  #answers: ControlAnswers | undefined

  constructor(path: string, log: Logger) {
    this.#path = path
    this.#log = log
    this.#server = createServer((client) => this.#serve(client))
    this.#server.maxConnections = MAX_CLIENTS
  }

  /**
   * Takes the socket: first of all, so that a second node with the same run directory changes nothing.
   * @throws Re6stError `SYSTEM` when another node answers there, or it cannot be made
   */
  async start(): Promise<void> {
    if (!isSocketPath(this.#path))
      throw new Re6stError(
        'SYSTEM',
        `--console ${this.#path}: longer than ${LONGEST_SOCKET_PATH} bytes; give a shorter path, or a shorter --run`,
      )
    await refuseBesideAnother(this.#path)
    await this.#removeLeft()
    try {
      this.#server.listen(this.#path)
      await once(this.#server, 'listening')
      await chmod(this.#path, 0o600)
    } catch (error) {
      throw new Re6stError('SYSTEM', `the control socket ${this.#path} cannot be made: ${messageOf(error)}`, {
        cause: error,
      })
    }
    this.#server.on('error', (error) => this.#log.warn({ reason: messageOf(error) }, 'control socket'))
  }

  /** A mistake in an option must not cost a file. */
  async #removeLeft(): Promise<void> {
    const left = await lstat(this.#path).catch(() => undefined)
    if (left !== undefined && !left.isSocket())
      throw new Re6stError(
        'SYSTEM',
        `--console ${this.#path}: it exists and is not a socket; give another path`,
      )
    await rm(this.#path, { force: true })
  }

  /** From now on, requests are answered. */
  serve(answers: ControlAnswers): void {
    this.#answers = answers
  }

  #serve(client: Socket): void {
    this.#clients.add(client)
    client.setEncoding('utf8').setTimeout(IDLE_TIMEOUT_MS, () => client.destroy())
    client.on('error', () => {}) // it left: nobody is there to be told
    client.on('close', () => this.#clients.delete(client))
    let pending = ''
    client.on('data', (text) => {
      const lines = (pending + String(text)).split('\n')
      pending = lines.pop() ?? ''
      // Answers have no number: they come in the order of the requests. Whoever does not read them is not heard.
      client.pause()
      const answered = this.#answerAll(client, lines).then(() => {
        if (pending.length > MAX_REQUEST_LENGTH)
          client.end(`${failure('OPTION', 'the request is too long')}\n`)
        client.resume()
      })
      inBackground(this.#log, 'answering on the control socket', answered)
    })
  }

  async #answerAll(client: Socket, lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const answer = await this.#answer(line)
      if (!client.writable) return
      if (client.write(`${answer}\n`)) continue
      const over = new AbortController()
      await Promise.race(
        ['drain', 'close'].map((event) => once(client, event, { signal: over.signal })),
      ).catch(
        () => {}, // it left with an error
      )
      over.abort()
    }
  }

  async #answer(line: string): Promise<string> {
    const request = decodeRequest(line)
    if (!request.ok) return failure('OPTION', request.reason)
    if (request.value.request === 'list') return success(DESCRIPTIONS)
    if (!this.#answers) return failure('SYSTEM', 'the node is starting: ask again in a moment')
    try {
      return success(await answerTo(request.value, this.#answers))
    } catch (error) {
      // Who asks is told what is wrong with the question.
      if (error instanceof Re6stError && error.code === 'OPTION') return failure(error.code, error.message)
      this.#log.warn({ err: error }, 'a control request failed')
      return failure('SYSTEM', messageOf(error))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy()
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }
}

function answerTo(
  question: Exclude<ControlQuestion, { readonly request: 'list' }>,
  answers: ControlAnswers,
): unknown {
  switch (question.request) {
    case 'explain':
    case 'trace':
      return answers[question.request](question.node)
    case 'events':
      return answers.events(question.after)
    case 'drain':
      return answers.drain(question.undo)
    default:
      return answers[question.request]()
  }
}

const success = (response: unknown): string => JSON.stringify({ status: 'ok', response })
const failure = (code: string, message: string): string =>
  JSON.stringify({ status: 'error', error: { code, message } })

/**
 * Looks whether another node runs with this control socket: before anything is written to files that it has, too.
 * @throws Re6stError `SYSTEM` if so
 */
export async function refuseBesideAnother(path: string): Promise<void> {
  if (await isListenedAt(path))
    throw new Re6stError(
      'SYSTEM',
      `another re6stnet runs: it answers at ${path}; stop it, or give another --run and --console`,
    )
}
