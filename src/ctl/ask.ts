import { statSync } from 'node:fs'
import { connect } from 'node:net'
import {
  type ControlReplies,
  type ControlRequest,
  decodeReply,
  MAX_REPLY_LENGTH,
} from '../core/control/replies.ts'
import { AS_ROOT, Re6stError } from '../core/errors.ts'

const ANSWER_TIMEOUT_MS = 5_000

/**
 * Asks the node that runs here.
 * @param about what belongs to the request
 * @throws Re6stError `SYSTEM`, saying why there is no answer and what to do; its cause is what the system said
 */
export function askNode<Request extends ControlRequest>(
  path: string,
  request: Request,
  timeoutMs = ANSWER_TIMEOUT_MS,
  about: { readonly node?: string; readonly after?: number; readonly undo?: boolean } = {},
): Promise<ControlReplies[Request]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const fail = (reason: string, cause?: Error) => {
      socket.destroy()
      reject(new Re6stError('SYSTEM', `${path}: ${reason}`, { cause }))
    }
    let text = ''
    socket.setEncoding('utf8').setTimeout(timeoutMs, () => fail('the node does not answer'))
    socket.on('connect', () => socket.write(`${JSON.stringify({ request, ...about })}\n`))
    socket.on('error', (error) => fail(reasonOf(error, path), error))
    socket.on('close', () => fail('the connection was closed without an answer'))
    socket.on('data', (part) => {
      text += String(part)
      if (text.length > MAX_REPLY_LENGTH) return fail('the answer is too long')
      if (!text.endsWith('\n')) return
      const reply = decodeReply(request, text)
      if (!reply.ok) return fail(reply.reason)
      resolve(reply.value)
      socket.end()
    })
  })
}

function reasonOf(error: NodeJS.ErrnoException, path: string): string {
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'no re6stnet runs with this run directory; start it, or give its --run or --console'
    case 'ECONNREFUSED':
      // Linux says it of any file.
      return isSocket(path)
        ? 'the re6stnet that made this socket has ended without cleaning up; start it again'
        : 'not a socket: give the control socket of a node'
    case 'EACCES':
      return `no permission: ${AS_ROOT}`
    default:
      return error.message
  }
}

const isSocket = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isSocket() === true
