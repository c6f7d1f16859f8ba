import { createSocket, type Socket } from 'node:dgram'
import { MESSAGE_CODE, NODE_PORT } from '../core/session/message-codes.ts'
import {
  decodeRegistryDatagram,
  encodeRegistryDatagram,
  type RegistryDatagram,
} from '../core/session/registry-link.ts'
import { parseWay, type WayOutcome } from '../core/session/way.ts'
import { type Prefix, subnetNameOf } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'

/** How long a node may take to answer: it may first have to make a session with our node. */
const ANSWER_TIMEOUT_MS = 3_000
/** A node that is being started hears a moment later: what was sent to it before that is lost. */
const AGAIN_MS = 100

const NOTHING = new Uint8Array()

type Answered = (answer: Buffer | undefined) => void

/** A question of any number of askers. */
interface Question {
  readonly askers: Set<Answered>
  /** Asks it again and again. */
  again: Disposable | undefined
}

/**
 * The node on the registry's own machine, through which the registry talks to the network. Any number of questions
 * may be under way: answers are told apart by node and code, so that one who does not answer holds up nobody else.
 */
export class LocalNode implements Disposable {
  readonly #socket: Socket
  readonly #port: number
  readonly #clock: Clock
  readonly #waiting = new Map<string, Question>()
  #hear: (isAnswered: boolean) => void = () => {}
  #isClosed = false

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }, port = NODE_PORT) {
    this.#clock = clock
    this.#port = port
    this.#socket = createSocket({ type: 'udp6', ipv6Only: true })
    this.#socket.on('error', (error) => log.debug({ err: error }, 'the local node cannot be asked'))
    // Other programs of this machine could answer for it, but for its port: that is root's.
    this.#socket.on('message', (datagram, source) => {
      if (source.address === '::1' && source.port === this.#port) this.#receive(datagram)
    })
    this.#socket.bind(0, '::1')
    this.#socket.unref()
  }

  /** Calls `listener` at the end of each question. */
  onAsked(listener: (isAnswered: boolean) => void): void {
    this.#hear = listener
  }

  /**
   * Asks a node of the network. Undefined if it does not answer in time.
   * @param isOwn whether it is our own: that may be starting, and is asked until it answers, which costs the network nothing
   */
  ask(prefix: Prefix, code: number, { isOwn = false } = {}): Promise<Buffer | undefined> {
    return this.#ask({ prefix, code, argument: NOTHING }, isOwn)
  }

  /** Asks a node where it sends packets to another one. */
  async askWay(prefix: Prefix, target: Prefix): Promise<WayOutcome> {
    const argument = Buffer.from(subnetNameOf(target))
    const answer = await this.#ask({ prefix, code: MESSAGE_CODE.way, argument }, false)
    if (answer === undefined) return 'no answer'
    const way = parseWay(answer.toString('latin1'))
    return way?.kind === 'answer' ? way : 'not understood'
  }

  #ask(asked: RegistryDatagram, isOwn: boolean): Promise<Buffer | undefined> {
    const key = keyOf(asked)
    return new Promise((resolve) => {
      const question = this.#waiting.get(key) ?? { askers: new Set(), again: undefined }
      this.#waiting.set(key, question)
      const answered: Answered = (answer) => {
        timer[Symbol.dispose]()
        question.askers.delete(answered)
        if (question.askers.size === 0) {
          question.again?.[Symbol.dispose]()
          this.#waiting.delete(key)
        }
        this.#hear(answer !== undefined)
        resolve(answer)
      }
      const timer = this.#clock.after(ANSWER_TIMEOUT_MS, () => answered(undefined))
      question.askers.add(answered)
      this.#send(asked)
      if (isOwn) question.again ??= this.#clock.every(AGAIN_MS, () => this.#send(asked))
    })
  }

  /** Tells our node that there is a new network version: it asks for it, and tells the others. */
  announceVersion(registryPrefix: Prefix): void {
    this.#send({ prefix: registryPrefix, code: MESSAGE_CODE.networkVersion, argument: NOTHING })
  }

  #send(asked: RegistryDatagram): void {
    // What is announced while the registry stops would be an error that nobody hears: the next start tells it again.
    if (this.#isClosed) return
    // Where no node is running, the datagram is refused: the same as no answer.
    this.#socket.send(encodeRegistryDatagram(asked), this.#port, '::1', () => {})
  }

  #receive(datagram: Buffer): void {
    const answer = decodeRegistryDatagram(datagram)
    if (!answer.ok) return
    for (const answered of [...(this.#waiting.get(keyOf(answer.value))?.askers ?? [])])
      answered(Buffer.from(answer.value.argument))
  }

  [Symbol.dispose](): void {
    for (const { again } of this.#waiting.values()) again?.[Symbol.dispose]()
    this.#isClosed = true
    this.#socket.close()
  }
}

/** Questions and their answers have the same: those for ways are told apart by the node at the end, which both begin with. */
const keyOf = ({ prefix, code, argument }: RegistryDatagram): string =>
  code === MESSAGE_CODE.way
    ? `${prefix}/${code}/${Buffer.from(argument).toString('latin1').split(' ', 1)[0]}`
    : `${prefix}/${code}`
