import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { waitFor } from '../../lab/wait-for.ts'
import { inBackground } from '../../src/platform/background.ts'
import { silentLog } from './silent-log.ts'

const DEADLINE_MS = 20_000

/** A message of a registry, as it came. */
export interface ReceivedMessage {
  readonly body: string
  readonly signature: string | undefined
}

/** A server that keeps what it gets. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly received: readonly ReceivedMessage[]
  readonly url: URL
  /** What the messages tell of, in their order. */
  events(): string[]
  /** Waits until so many have come. */
  arrived(count: number): Promise<unknown>
}

/** Starts one, which answers with the statuses that it is told, when it is, then with 200. */
export async function webhookReceiver(statuses: (number | Promise<number>)[] = []): Promise<WebhookReceiver> {
  const received: ReceivedMessage[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    const answer = async () => {
      response.writeHead((await statuses.shift()) ?? 200).end()
    }
    request.on('end', () => {
      const signature = request.headers['re6st-signature']
      received.push({ body: Buffer.concat(chunks).toString(), signature: String(signature) })
      inBackground(silentLog, 'an answer', answer())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    received,
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?a=b`),
    events: () => received.map(({ body }) => String((JSON.parse(body) as { event: unknown }).event)),
    arrived: (count) =>
      waitFor(() => received.length >= count, { what: 'messages', deadlineMs: DEADLINE_MS, intervalMs: 10 }),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
