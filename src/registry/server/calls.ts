import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import { messageOf } from '../../core/errors.ts'
import { AUTHORITY_HEADER, HMAC_HEADER, METHODS, type MethodName } from '../../core/rpc/methods.ts'
import type { Authentication } from '../../core/rpc/registry-sessions.ts'
import { parseTarget } from '../../core/rpc/request-target.ts'
import { answerHmac, decodeHmac } from '../../core/rpc/session.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import { Refusal } from '../refusal.ts'
import type { Sessions } from '../sessions.ts'
import { type Answer, refused, send } from './answer.ts'
import { type Applicant, CallQueue, type Lane, QueueFull } from './call-queue.ts'
import { type CallOrigin, originOf } from './caller.ts'
import type { Listener, ServerComponents, Transport } from './components.ts'
import type { CallEnd } from './connection-calls.ts'
import { httpsUrlOf } from './https-url.ts'
import { MAX_BODY_LENGTH, type ServerLimits } from './limits.ts'
import type { Metrics } from './metrics.ts'
import type { Sources } from './sources.ts'
import { isStatusPage, type StatusPages } from './status-pages.ts'

/** What it costs to answer: nothing to speak of, a computation, or somebody else's answer. */
const COST: Readonly<Record<MethodName, 'nothing' | 'computing' | 'asking'>> = {
  hello: 'computing',
  getCa: 'nothing',
  requestToken: 'asking',
  requestCertificate: 'computing',
  renewCertificate: 'computing',
  getDh: 'nothing',
  getNetworkConfig: 'computing',
  getCountry: 'nothing',
  getBootstrapPeer: 'asking',
  isToken: 'nothing',
  addToken: 'nothing',
  deleteToken: 'nothing',
  revoke: 'computing',
  updateHMAC: 'computing',
  getNodePrefix: 'nothing',
  getIPv6Address: 'nothing',
  getIPv4Information: 'asking',
  versions: 'asking',
  topology: 'asking',
}

const JSON_METHODS: ReadonlySet<string> = new Set<MethodName>(['versions', 'topology'])

/** How much of what a client calls itself is logged. */
const MAX_AGENT_LENGTH = 100

/** What calls share with the servers they come to. */
interface CallsInit extends ServerComponents {
  readonly sources: Pick<Sources, 'charge' | 'know' | 'isKnown'>
  readonly metrics: Pick<Metrics, 'called'>
  readonly pages: Pick<StatusPages, 'answer'>
}

/** Where a call has come in. */
export interface CalledOn {
  readonly listener: Listener
  readonly transport: Transport
  readonly peer: string | undefined
}

/** Answers calls, each in its turn: who may ask what, and how long it waits. */
export class Calls {
  readonly #init: CallsInit
  readonly #queues: Readonly<Record<'computing' | 'asking', CallQueue>>
  readonly #failures: LogLimit

  constructor(init: CallsInit, limits: Pick<ServerLimits, 'computing' | 'asking'>) {
    this.#init = init
    this.#queues = { computing: new CallQueue(limits.computing), asking: new CallQueue(limits.asking) }
    this.#failures = new LogLimit(init.clock)
  }

  /** How many calls wait. */
  get waiting(): { readonly computing: number; readonly asking: number } {
    return { computing: this.#queues.computing.waiting, asking: this.#queues.asking.waiting }
  }

  /** Answers one call. */
  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    { listener, transport, peer }: CalledOn,
    signal: AbortSignal,
  ): Promise<CallEnd> {
    const { log, clock, trust } = this.#init
    const begunMs = clock.monotonicMs()
    const { socket } = request
    const origin = originOf(request, peer, trust, socket instanceof TLSSocket && socket.authorized)
    const [path = ''] = (request.url ?? '').split('?')
    const name = nameOf(path)
    let answer: Answer
    try {
      answer =
        request.method !== 'GET'
          ? { status: 501 }
          : isBodyTooLong(request)
            ? { status: 413 }
            : (this.#redirection(request, transport) ?? (await this.#call(request, origin, listener, signal)))
    } catch (error) {
      if (signal.aborted) return 'answered' // nobody is there to hear it
      this.#note(path, error)
      answer = error instanceof Refusal ? refused(error) : { status: 500 }
    }
    const ms = clock.monotonicMs() - begunMs
    this.#init.metrics.called(Object.hasOwn(METHODS, name) ? name : 'other', answer.status, ms)
    log.trace(
      {
        method: path,
        caller: origin.address,
        version: request.headers['user-agent']?.slice(0, MAX_AGENT_LENGTH),
        status: answer.status,
        ms: Math.round(ms),
      },
      'call',
    )
    send(response, answer, answer.status === 413)
    return answer.headers?.['Retry-After'] === undefined ? 'answered' : 'later'
  }

  /** A browser that asks for a page without TLS. Nodes follow no redirection: what they ask for is answered where they ask. */
  #redirection(request: IncomingMessage, transport: Transport): Answer | undefined {
    const { tls } = this.#init
    const name = nameOf(request.url ?? '')
    if (!tls || transport === 'https' || isStatusPage(name) || Object.hasOwn(METHODS, name)) return undefined
    const location = httpsUrlOf(request, tls.port())
    return location === undefined ? undefined : { status: 308, headers: { Location: location } }
  }

  /** Why a call was not answered: that it was refused, or what its operator has to see to. */
  #note(path: string, error: unknown): void {
    const { log } = this.#init
    if (error instanceof Refusal && error.cause === undefined) {
      log.debug({ method: path, status: error.status, reason: error.message }, 'call refused')
      return
    }
    const failure = error instanceof Refusal ? error.cause : error
    this.#failures.write(nameOf(path), (omitted) =>
      log.error({ method: path, err: failure, ...omitted }, `call failed: ${messageOf(failure)}`),
    )
  }

  async #call(
    request: IncomingMessage,
    origin: CallOrigin,
    listener: Listener,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { sessions, authorities, software, clock } = this.#init
    const target = request.url ?? ''
    // The origin is checked first: others learn nothing about a private method.
    const name = nameOf(target)
    const access = isStatusPage(name)
      ? 'private'
      : Object.hasOwn(METHODS, name)
        ? METHODS[name as MethodName].access
        : undefined
    const notOperator =
      listener === 'everything' ? origin.notOperator : 'private methods have another listener'
    const isOperator = access === 'private' && notOperator === undefined
    if (origin.source !== undefined && !isOperator) {
      const charged = this.#init.sources.charge(origin.source, clock.monotonicMs())
      if (charged !== 'ok')
        throw new Refusal(
          charged === 'source' ? 429 : 503,
          `too many calls, of ${charged === 'source' ? origin.source : 'strangers'}`,
        )
    }
    if (access === 'private' && notOperator !== undefined) throw new Refusal(403, notOperator)
    if (isStatusPage(name)) return this.#init.pages.answer(name, target)

    const parsed = parseTarget(target)
    if (!parsed.ok) throw new Refusal(400, parsed.reason)
    const { method, parameters } = parsed.value
    const prefix = parameters['cn'] ?? ''
    const authentic = access === 'authenticated' ? await authenticate(sessions, request, prefix) : undefined
    const secret = authentic?.secret
    if (authentic) {
      if (origin.source !== undefined) this.#init.sources.know(origin.source, `node ${prefix}`)
      const authority = request.headers[AUTHORITY_HEADER.toLowerCase()]
      if (typeof authority === 'string') authorities.heard(prefix, authority)
      software.heard(prefix, authentic.protocol, request.headers['user-agent'])
    }
    const answer = await this.#answerTo(method, parameters, origin, signal).catch((error: unknown) => {
      // A node that is told to come back later goes on with its session: a busy registry need not answer another hello.
      if (!secret || !(error instanceof Refusal) || (error.status !== 429 && error.status !== 503))
        throw error
      this.#note(`/${method}`, error)
      return refused(error)
    })
    if (!secret) return answer
    const hmac = answerHmac(secret, answer.body ?? Buffer.alloc(0)).toString('base64')
    return { ...answer, headers: { ...answer.headers, [HMAC_HEADER]: hmac } }
  }

  async #answerTo(
    method: MethodName,
    parameters: Readonly<Record<string, string>>,
    origin: CallOrigin,
    signal: AbortSignal,
  ): Promise<Answer> {
    const cost = COST[method]
    const lane = this.#laneOf(METHODS[method].access, origin)
    // Who has proved which node it is waits for itself, from however many addresses it calls.
    const source = lane === 'node' ? `node ${parameters['cn'] ?? ''}` : origin.source
    using _ = cost === 'nothing' ? undefined : await enter(this.#queues[cost], { lane, source, signal })
    const listeners: (() => void)[] = []
    const delivery = { signal, onSent: (listener: () => void) => void listeners.push(listener) }
    const result = await this.#init.handlers[method](parameters, origin, delivery)
    const body = result === undefined ? Buffer.alloc(0) : Buffer.from(result)
    return {
      status: body.length > 0 ? 200 : 204,
      body,
      onSent: () => {
        for (const listener of listeners) listener()
      },
      headers: {
        'Content-Type': JSON_METHODS.has(method)
          ? 'application/json'
          : typeof result === 'string'
            ? 'text/plain; charset=utf-8'
            : 'application/octet-stream',
      },
    }
  }

  #laneOf(access: 'public' | 'authenticated' | 'private', { source }: CallOrigin): Lane {
    if (access === 'private') return 'operator'
    if (access === 'authenticated') return 'node'
    return source === undefined || this.#init.sources.isKnown(source) ? 'known' : 'stranger'
  }
}

/** What is asked for, with however many slashes. */
const nameOf = (target: string): string => target.split('?')[0]?.replace(/^\/+/, '') ?? ''

/** @returns the secret for the answer, and what the node has said @throws Refusal for a call that is not the node's */
async function authenticate(
  sessions: Sessions,
  request: IncomingMessage,
  prefix: string,
): Promise<Extract<Authentication, { readonly kind: 'authentic' }>> {
  const given = request.headers[HMAC_HEADER.toLowerCase()]
  if (typeof given !== 'string') throw new Refusal(400, `the header ${HMAC_HEADER} is missing`)
  const hmac = decodeHmac(given)
  if (!hmac.ok) throw new Refusal(400, hmac.reason)
  const authentication = await sessions.authenticate(prefix, request.url ?? '', hmac.value)
  switch (authentication.kind) {
    case 'no-session':
      throw new Refusal(401, 'the node has no session')
    case 'wrong-hmac':
      throw new Refusal(400, 'the HMAC is wrong')
    case 'authentic':
      return authentication
  }
}

async function enter(queue: CallQueue, applicant: Applicant): Promise<Disposable> {
  try {
    return await queue.enter(applicant)
  } catch (error) {
    if (error instanceof QueueFull) throw new Refusal(error.by === 'source' ? 429 : 503, error.message)
    throw error
  }
}

/** Also one whose length is not said: it may never end. */
const isBodyTooLong = ({ headers }: IncomingMessage): boolean =>
  'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > MAX_BODY_LENGTH
