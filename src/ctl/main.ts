import type { Re6stOptions, Re6stQuery } from '../core/options/re6st-options.ts'
import { printableIn } from '../core/values/printable.ts'
import { systemClock } from '../platform/clock.ts'
import { askNode } from './ask.ts'
import { waitForConnection } from './connection.ts'
import { followEvents } from './events.ts'
import { eventsText, explanationText, traceText } from './routing-text.ts'
import { drainText, type Look, routesText, statusText, tunnelsText } from './tables.ts'

/**
 * Runs `re6st`: asks the node that runs here, or examines this machine, and prints the result.
 * @returns the exit status
 * @throws Re6stError when there is no answer
 */
export async function runRe6st(
  options: Exclude<Re6stOptions, { readonly command: 'join' }>,
): Promise<number> {
  const look: Look = { colours: process.stdout.isTTY && !process.env['NO_COLOR'], nowMs: Date.now() }
  // These read a database, which nothing else here does.
  if (options.command === 'doctor') return (await import('./doctor/main.ts')).runDoctor(options, look)
  if (options.command === 'firewall') return (await import('./firewall/firewall.ts')).runFirewall(options)
  const { controlSocket, json, waitSeconds, follow } = options
  if (waitSeconds > 0) await waitForConnection(controlSocket, systemClock, waitSeconds)
  const write = (line: string) => void process.stdout.write(`${line}\n`)
  if (follow) {
    await followEvents(
      controlSocket,
      { json, clock: systemClock, signal: new AbortController().signal },
      write,
    )
    return 0
  }
  const { reply, text, status = 0 } = await answerTo(options, look)
  write(json ? JSON.stringify(reply, undefined, 2) : text)
  return status
}

type QueryOptions = Extract<Re6stOptions, { readonly command: Re6stQuery }>

/** What is printed, as JSON and as text, and the exit status. */
interface Answer {
  readonly reply: unknown
  readonly text: string
  readonly status?: number
}

/** The node waits until others have found other ways. */
const DRAIN_TIMEOUT_MS = 30_000
/** Other nodes are asked, and may not answer. */
const TRACE_TIMEOUT_MS = 60_000

/**
 * Asks the node, and makes a text of what it says. Much of that others have said to it: nothing of it reaches a terminal as a
 * command.
 * @param ask what asks it
 */
export async function answerTo(
  { command, controlSocket, node = '', undo }: QueryOptions,
  look: Look,
  ask: typeof askNode = askNode,
): Promise<Answer> {
  switch (command) {
    case 'status': {
      const reply = await ask(controlSocket, 'status')
      return { reply, text: statusText(printableIn(reply), look) }
    }
    case 'tunnels': {
      const reply = await ask(controlSocket, 'tunnels')
      return { reply, text: tunnelsText(printableIn(reply), look) }
    }
    case 'routes': {
      if (node !== '') {
        const reply = await ask(controlSocket, 'explain', undefined, { node })
        return { reply, text: explanationText(printableIn(reply), look) }
      }
      const reply = await ask(controlSocket, 'routes')
      return { reply, text: routesText(printableIn(reply), look) }
    }
    case 'trace': {
      const reply = await ask(controlSocket, 'trace', TRACE_TIMEOUT_MS, { node })
      return { reply, text: traceText(printableIn(reply), look), status: reply.there.complete ? 0 : 1 }
    }
    case 'drain': {
      const reply = await ask(controlSocket, 'drain', DRAIN_TIMEOUT_MS, { undo })
      return { reply, text: drainText(printableIn(reply)), status: reply.forwarding ? 1 : 0 }
    }
    case 'events': {
      const reply = await ask(controlSocket, 'events')
      return { reply, text: eventsText(printableIn(reply)) }
    }
  }
}
