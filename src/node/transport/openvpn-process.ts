import { join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import { failureReason, isAboutClient } from '../../core/openvpn/failure.ts'
import { managementCommand } from '../../core/openvpn/management-command.ts'
import type { ManagementMessage } from '../../core/openvpn/management-reader.ts'
import { type Result, refuse } from '../../core/result.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import { keepOutput } from '../../platform/daemon-output.ts'
import type { Logger } from '../../platform/log.ts'
import {
  describeEnd,
  type ProcessEnd,
  type Processes,
  type RunningProcess,
} from '../../platform/processes.ts'
import { afterUnlessStarved, isStarved } from '../../platform/starvation.ts'
import type { Sysctls } from '../../platform/sysctls.ts'
import { type ManagementConnection, openManagementConnection } from './management-connection.ts'
import { type ManagementSocket, openManagementSocket } from './management-socket.ts'

/** What every OpenVPN process of a node has in common. */
export interface OpenvpnContext {
  readonly processes: Processes
  readonly sysctls: Sysctls
  readonly clock: Clock
  readonly log: Logger
  readonly runDirectory: string
  /** Where `<iface>.log` is written; undefined: nowhere. */
  readonly logDirectory: string | undefined
  /** How often, at most, traffic is reported. */
  readonly trafficIntervalMs: number
  /** Whether an OpenVPN is there that we can use; refused with the reason if not. */
  readonly checkVersion: () => Promise<Result<string>>
}

/** What a process says that its owner must react to. */
export type OpenvpnMessage = Exclude<ManagementMessage, { kind: 'answer' | 'log' | 'fatal' | 'other' }>

interface ProcessInit {
  readonly iface: string
  readonly argumentsFor: (managementSocket: string) => readonly string[]
  readonly onMessage: (message: OpenvpnMessage) => void
  /** Log lines, before any message that they explain. */
  readonly onLog?: (text: string) => void
}

/** From its start to its connection OpenVPN takes 10 ms; a machine that starts everything at once takes longer. */
const START_TIMEOUT_MS = 20_000
/** How often a process is asked whether it still answers: peers of a server that hung try it for half a minute. */
const HEARTBEAT_MS = 15_000
/** Time for a goodbye to be sent before the second TERM ends a process at once instead of after a second or more. */
const FAREWELL_MS = 100
/** Between an interface that goes and the word of OpenVPN why lie some milliseconds, 20 when it exits. */
const SETTLE_MS = 300
/** A process that hangs does not react to TERM; one that does is gone in 20 ms. */
const KILL_AFTER_MS = 2_000
/** Log lines that are kept to explain a failure: one attempt writes about twenty. */
const REMEMBERED_LINES = 60

/**
 * One OpenVPN process, from its start to its end. Its life is tied to ours by the management connection: when either
 * side of that is gone, so is the process, and with it its interface.
 *
 *     openvpn starts ──► connects ──► (hold, connected, clients, …) ──► ended(reason)
 *           └─ ends, or does not connect ─────────────────────────────────►┘
 */
export class OpenvpnProcess {
  /** Resolves with the reason, in plain words, when process, connection and socket are gone. Never rejects. */
  readonly ended: Promise<string>
  readonly #context: OpenvpnContext
  readonly #init: ProcessInit
  readonly #log: Logger
  #running: RunningProcess | undefined
  #connection: ManagementConnection | undefined
  #heartbeat: Disposable | undefined
  /** Since the last beat: whoever answers other questions need not be asked whether it answers. */
  #wasAsked = false
  #lines: string[] = []
  #lastLine: string | undefined
  #failure: string | undefined
  #lastWords: string | undefined
  #stopping = false

  constructor(context: OpenvpnContext, init: ProcessInit) {
    this.#context = context
    this.#init = init
    this.#log = context.log.child({ iface: init.iface })
    this.ended = this.#run().catch(messageOf)
  }

  /** Sends a command. Refused when there is no connection (yet, or any more), and when OpenVPN says no. */
  command(text: string): Promise<Result<string>> {
    this.#wasAsked = true
    return this.#connection?.command(text) ?? Promise.resolve(refuse('openvpn is not connected'))
  }

  /** Sends a command whose answer changes nothing. */
  tell(text: string): void {
    inBackground(this.#log, 'a command to openvpn', this.command(text))
  }

  /** As `stop`, for whoever cannot wait: `ended` says when it is done. */
  end(): void {
    inBackground(this.#log, 'ending openvpn', this.stop())
  }

  /** Why the last attempt failed, as the log lines since the last call of this say. */
  takeReason(): string | undefined {
    this.#lastLine = undefined
    return failureReason(this.#lines.splice(0).filter((line) => !isAboutClient(line)))
  }

  /** What the remembered log lines about a client say; they begin with its name and address. */
  reasonAbout(client: string): string | undefined {
    return failureReason(this.#lines.filter((line) => line.startsWith(client)))
  }

  /**
   * From now on a process that does not answer is ended. To be called when it does nothing any more that may block.
   * @param question what it is asked, also when it was asked something else meanwhile
   */
  expectAnswers(question?: string): void {
    this.#wasAsked = false
    this.#heartbeat ??= this.#context.clock.every(HEARTBEAT_MS, () => {
      if (question !== undefined || !this.#wasAsked) this.tell(question ?? managementCommand.processId)
      this.#wasAsked = false
    })
  }

  /** Ends the process because of something that it cannot know itself; `ended` then gives this reason. */
  fail(reason: string): void {
    this.#failure ??= reason
    this.end()
  }

  /**
   * Ends the process because its interface could not be set up, unless the interface went because the process is ending
   * or the connection just broke: then that is the reason to be told, and it is about to come.
   */
  async failToRaise(reason: string): Promise<void> {
    await Promise.race([this.ended, this.#context.clock.sleep(SETTLE_MS)])
    this.fail(reason)
  }

  /** Ends the process, with a goodbye to the other side if it has one to say. Idempotent. */
  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true
      this.#running?.signal('SIGTERM')
      const farewell = new AbortController()
      await Promise.race([
        this.ended,
        this.#context.clock.sleep(FAREWELL_MS, farewell.signal).catch(() => {}),
      ])
      farewell.abort()
      await this.#running?.stop(KILL_AFTER_MS)
    }
    await this.ended
  }

  async #run(): Promise<string> {
    const version = await this.#context.checkVersion()
    if (!version.ok) return version.reason
    const path = join(this.#context.runDirectory, `${this.#init.iface}.sock`)
    const socket = await openManagementSocket(path)
    try {
      return this.#stopping ? (this.#failure ?? 'stopped') : await this.#runAt(path, socket)
    } finally {
      socket.close() // as after a process that came to its end: its place is free for the next one
    }
  }

  async #runAt(path: string, socket: ManagementSocket): Promise<string> {
    const running = this.#context.processes.start('openvpn', this.#init.argumentsFor(path), {
      onLine: (line) => this.#onOutput(line),
      ownGroup: true,
      // Reasons are read from what it prints.
      environment: { LC_ALL: 'C' },
    })
    this.#running = running
    const hungUp = this.#converse(socket)
    const life = { clock: this.#context.clock, isStarved: () => isStarved(running.pid) }
    const patience = afterUnlessStarved(life, START_TIMEOUT_MS, () => {
      if (!this.#connection) this.fail('openvpn does not connect to its management socket')
    })
    const end = await running.ended
    patience[Symbol.dispose]()
    socket.close()
    // Its last words may still be on their way. One that was never connected, or left a child, is not waited for.
    if (this.#connection) await Promise.race([hungUp, this.#context.clock.sleep(FAREWELL_MS)])
    this.#connection?.close()
    // Its last words may have been that it answers from now on.
    this.#heartbeat?.[Symbol.dispose]()
    return this.#failure ?? this.takeReason() ?? this.#lastWords ?? reasonOfEnd(end)
  }

  /** Speaks with the process from its connection on; resolves when either side hung up. */
  async #converse(socket: ManagementSocket): Promise<void> {
    const { clock, trafficIntervalMs } = this.#context
    const connected = await socket.connection
    await new Promise<void>((hungUp) => {
      this.#connection = openManagementConnection({
        socket: connected,
        clock,
        isStarved: () => isStarved(this.#running?.pid),
        onMessage: (message) => this.#onMessage(message),
        onEnd: (fault) => {
          hungUp()
          // Without a connection it ends by itself, unless it hangs.
          if (fault !== undefined) this.fail(fault)
          else if (this.#running) inBackground(this.#log, 'ending openvpn', this.#running.stop(KILL_AFTER_MS))
        },
      })
      this.tell(managementCommand.logOn)
      this.tell(managementCommand.stateOn)
      this.tell(managementCommand.byteCount(Math.max(1, Math.round(trafficIntervalMs / 1000))))
    })
  }

  #onMessage(message: Exclude<ManagementMessage, { kind: 'answer' }>): void {
    switch (message.kind) {
      case 'log':
        this.#remember(message.text, message.flags)
        break
      case 'fatal':
        this.#lastWords = `openvpn: ${message.text}`
        this.#remember(message.text, 'F')
        break
      case 'other':
        this.#log.trace({ text: message.text }, 'openvpn')
        break
      default:
        this.#init.onMessage(message)
    }
  }

  #remember(text: string, flags: string): void {
    // One that stood still says for each packet that waited for it that it cannot be sent any more.
    if (text === this.#lastLine) return
    this.#lastLine = text
    this.#lines.push(text)
    if (this.#lines.length > REMEMBERED_LINES) this.#lines.shift()
    const isNews = /[FNW]/.test(flags) && !KNOWN.test(text)
    this.#log[isNews ? 'debug' : 'trace']({ text }, 'openvpn')
    this.#init.onLog?.(text)
  }

  #onOutput(line: string): void {
    // Once it is connected, it says the same there, in order with everything else.
    if (!this.#connection) this.#remember(line, '')
    keepOutput(this.#context.logDirectory, this.#init.iface, line, this.#log)
  }
}

/** What OpenVPN says of each tunnel of a network that is not encrypted, which the registry has chosen. */
const KNOWN = /\bNO encryption\b/

function reasonOfEnd(end: ProcessEnd): string {
  if (end.kind === 'not-started') return `openvpn cannot be started: ${end.error.message}`
  return end.kind === 'exited' && end.status === 0
    ? 'openvpn ended'
    : `openvpn ended with ${describeEnd(end)}`
}
