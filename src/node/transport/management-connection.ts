import type { Socket } from 'node:net'
import { type ManagementMessage, ManagementReader } from '../../core/openvpn/management-reader.ts'
import { ok, type Result, refuse } from '../../core/result.ts'
import { AnswerQueue } from '../../platform/answer-queue.ts'
import type { Clock } from '../../platform/clock.ts'
import { afterUnlessStarved } from '../../platform/starvation.ts'

/** A conversation with one OpenVPN process. */
export interface ManagementConnection {
  /**
   * Sends a command and waits for its answer. Refused when OpenVPN says no, and when the conversation ends before the
   * answer; never rejects.
   */
  command(text: string): Promise<Result<string>>
  /** Ends the conversation; OpenVPN then ends by itself. */
  close(): void
}

interface ConnectionInit {
  readonly socket: Socket
  readonly clock: Clock
  /** Whether OpenVPN would answer if it were let: the machine has no time for it. */
  readonly isStarved: () => Promise<boolean>
  /** All that is no answer, in order. */
  readonly onMessage: (message: Exclude<ManagementMessage, { kind: 'answer' }>) => void
  /** Called once. With a reason if OpenVPN does not keep to the protocol; without when either side hung up. */
  readonly onEnd: (fault: string | undefined) => void
}

/** Begins the conversation over a socket that OpenVPN has connected to. */
export function openManagementConnection(init: ConnectionInit): ManagementConnection {
  const { socket } = init
  const reader = new ManagementReader()
  // OpenVPN answers in less than a millisecond, and does nothing that blocks once it is connected.
  const answers = new AnswerQueue(
    (ms, action) => afterUnlessStarved(init, ms, action),
    (word) => end(`openvpn does not answer "${word}"`),
  )
  let open = true

  const end = (fault?: string) => {
    if (!open) return
    open = false
    socket.destroy()
    answers.end(fault ?? 'the management connection was closed')
    init.onEnd(fault)
  }

  const take = (message: ManagementMessage) => {
    if (message.kind !== 'answer') return init.onMessage(message)
    const wasAsked = answers.answered(message.success ? ok(message.text) : refuse(message.text))
    if (!wasAsked) end(`openvpn answers without being asked: ${message.text}`)
  }

  socket.on('data', (chunk: Buffer) => {
    const messages = reader.push(chunk)
    if (!messages.ok) return end(`openvpn cannot be understood: ${messages.reason}`)
    for (const message of messages.value) if (open) take(message)
  })
  socket.on('error', () => end())
  socket.on('close', () => end())

  return {
    command(text) {
      if (!open) return Promise.resolve(refuse('the management connection is closed'))
      socket.write(text)
      return answers.asked(text.split(/\s/, 1)[0] ?? '')
    },
    close: () => end(),
  }
}
