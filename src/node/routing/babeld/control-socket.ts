import { connect, type Socket } from 'node:net'
import { parseSocketLine, type SocketLine } from '../../../core/babeld/socket-line.ts'
import { ok, type Result, refuse } from '../../../core/result.ts'
import { AnswerQueue } from '../../../platform/answer-queue.ts'
import type { Clock } from '../../../platform/clock.ts'
import { Turns } from '../../../platform/turns.ts'

/** A conversation with babeld. */
export interface ControlSocket {
  /** Sends a command and waits for its answer. Refused when babeld says no, or hangs up first; never rejects. */
  command(text: string): Promise<Result<string>>
  /** Hangs up; babeld goes on. */
  close(): void
}

interface ControlSocketInit {
  readonly path: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** All lines that are no answer, in order. */
  readonly onLine: (line: Exclude<SocketLine, { kind: 'answer' }>) => void
  /** Called once: why the conversation, once begun, is over. */
  readonly onEnd: (reason: string) => void
}

/** babeld listens some 10 ms after its start. */
const CONNECT_RETRY_MS = 10
/** The longest line that babeld writes is 511 bytes. */
const LONGEST_LINE = 4_096

/**
 * Connects as soon as babeld listens and reads its greeting. Refused when it sends something else; waits until the
 * signal is aborted. Answers have no number, and babeld 1.12 says no to all that it has read together with what it says no
 * to, though it does it: so a command is said when the one before is answered.
 */
export async function openControlSocket(init: ControlSocketInit): Promise<Result<ControlSocket>> {
  const { clock, onLine } = init
  const socket = await connected(init)
  if (socket === undefined) return refuse('babeld does not listen on its control socket')
  // babeld answers in a millisecond; one that listed 10,000 routes would take a second.
  const answers = new AnswerQueue(
    (ms, action) => clock.after(ms, action),
    (what) => end(`babeld does not answer ${what}`),
  )
  const turns = new Turns()
  let open = true
  let rest = ''

  const end = (reason: string) => {
    if (!open) return
    open = false
    socket.destroy()
    answers.end(reason)
    init.onEnd(reason)
  }
  const take = (text: string) => {
    const line = parseSocketLine(text)
    // Of an interface that it was told to forget, babeld 1.12 sometimes writes what lies in freed memory.
    if (!line.ok) return onLine({ kind: 'other', text })
    if (line.value.kind !== 'answer') return onLine(line.value)
    const wasAsked = answers.answered(line.value.answer === 'ok' ? ok(line.value.text) : refuse(text))
    if (!wasAsked) end(`babeld answers without being asked: ${text}`)
  }

  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    rest += chunk
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (open) take(line)
    if (rest.length > LONGEST_LINE) end('babeld sends a line without an end')
  })
  socket.on('error', () => end('the control socket of babeld failed'))
  socket.on('close', () => end('babeld closed its control socket'))

  const greeting = await answers.asked('with a greeting')
  if (!greeting.ok) return greeting
  return {
    ok: true,
    value: {
      command: (text) =>
        turns.take(async () => {
          if (!open) return refuse('the control socket of babeld is closed')
          socket.write(`${text}\n`)
          return answers.asked(JSON.stringify(text.split(' ', 2).join(' ')))
        }),
      close: () => end('closed'),
    },
  }
}

async function connected({ path, clock, signal }: ControlSocketInit): Promise<Socket | undefined> {
  while (!signal.aborted) {
    const socket = connect(path)
    const success = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (success) return socket
    await clock.sleep(CONNECT_RETRY_MS, signal).catch(() => {})
  }
  return undefined
}
