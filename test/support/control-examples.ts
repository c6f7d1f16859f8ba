import { readFileSync } from 'node:fs'
import { type ControlReplies, type ControlRequest, decodeReply } from '../../src/core/control/replies.ts'

/** The examples of docs/control-socket.md, decoded: what is documented is what is spoken. */
export function examplesOfDocument(): { [Request in ControlRequest]: ControlReplies[Request] } {
  const document = readFileSync(new URL('../../docs/control-socket.md', import.meta.url), 'utf8')
  const example = <Request extends ControlRequest>(request: Request): ControlReplies[Request] => {
    const block =
      new RegExp(`## ${request}\\n[\\s\\S]*?\`\`\`json\\n([\\s\\S]*?)\`\`\``).exec(document)?.[1] ?? ''
    const reply = decodeReply(request, JSON.stringify({ status: 'ok', response: JSON.parse(block) }))
    if (!reply.ok) throw new Error(`docs/control-socket.md, ${request}: ${reply.reason}`)
    return reply.value
  }
  return {
    list: example('list'),
    status: example('status'),
    tunnels: example('tunnels'),
    routes: example('routes'),
    explain: example('explain'),
    trace: example('trace'),
    events: example('events'),
    probe: example('probe'),
    drain: example('drain'),
  }
}
