import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyReply } from 'fastify'
import type { Logger } from '../../platform/log.ts'
import { ApiRefusal } from './api-refusal.ts'
import { csvOf } from './csv.ts'
import { SECURITY_HEADERS } from './guards.ts'
import { API_LIMITS } from './limits.ts'
import type { Machines } from './machines.ts'
import type { Machine, MachineExportQuery } from './schemas/machines.ts'

/** Machines of one look at the database: between two, others have their turn. */
const BATCH = 500

const COLUMNS = [
  ...['name', 'machineName', 'email', 'state', 'subnet', 'address', 'serial', 'notAfter', 'lastSeen'],
  ...['version', 'platform', 'community'],
] as const satisfies readonly string[]

/** How a file with machines is written, a part at a time. */
interface Format {
  readonly contentType: string
  readonly begin: string
  readonly part: (machines: readonly Machine[], isFirst: boolean) => string
  readonly end: string
}

const FORMATS = {
  csv: {
    contentType: 'text/csv; charset=utf-8',
    begin: csvOf([[...COLUMNS, 'country']]),
    part: (machines) =>
      csvOf(
        machines.map((machine) => [
          ...COLUMNS.map((column) => machine[column as Exclude<keyof Machine, 'place'>]),
          machine.place.country,
        ]),
      ),
    end: '',
  },
  json: {
    contentType: 'application/json; charset=utf-8',
    begin: '[',
    part: (machines, isFirst) =>
      machines.map((machine, at) => `${isFirst && at === 0 ? '' : ','}\n${JSON.stringify(machine)}`).join(''),
    end: '\n]\n',
  },
} as const satisfies Record<string, Format>

/** Files with all machines of a query, written as far as they are read: of a million, no more than some hundred are in memory. */
export class MachineExports {
  readonly #machines: Pick<Machines, 'list'>
  readonly #log: Pick<Logger, 'warn'>
  #open = 0

  constructor(machines: Pick<Machines, 'list'>, log: Pick<Logger, 'warn'>) {
    this.#machines = machines
    this.#log = log
  }

  /** @throws ApiRefusal when too many are written at once */
  async write(
    query: MachineExportQuery,
    format: keyof typeof FORMATS,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { raw } = reply
    if (this.#open >= API_LIMITS.exports)
      throw new ApiRefusal(503, 'unavailable', 'other exports are being written: try again later', {
        retryAfterMs: 10_000,
      })
    this.#open += 1
    try {
      const { contentType } = FORMATS[format]
      const pages = this.#pages(query)
      // What is wrong with the query is said as all else.
      const first = await pages.next()
      // Its client has gone meanwhile.
      if (raw.destroyed) return reply
      reply.hijack()
      raw.writeHead(200, {
        ...SECURITY_HEADERS,
        'Content-Type': contentType,
        'Content-Disposition': `attachment; filename="machines.${format}"`,
        'Cache-Control': 'no-store',
      })
      await this.#send(raw, texts(FORMATS[format], first.done ? [] : first.value, pages))
    } finally {
      this.#open -= 1
    }
    return reply
  }

  /** Whoever does not read is not waited for, nor one who has gone. */
  async #send(raw: ServerResponse, parts: AsyncIterable<string>): Promise<void> {
    raw.setTimeout(API_LIMITS.unreadMs, () => raw.destroy())
    try {
      await pipeline(Readable.from(parts), raw)
    } catch (error) {
      // Half a file: the browser sees that its end is missing.
      raw.destroy()
      if (!isGone(error)) this.#log.warn({ err: error }, 'an export has ended before its end')
    }
  }

  async *#pages(query: MachineExportQuery): AsyncGenerator<readonly Machine[], undefined> {
    for (let after: string | undefined; ; ) {
      const page = await this.#machines.list({
        ...query,
        limit: BATCH,
        ...(after === undefined ? {} : { after }),
      })
      yield page.items
      if (page.next === undefined) return undefined
      after = page.next
    }
  }
}

async function* texts(
  format: Format,
  first: readonly Machine[],
  others: AsyncIterable<readonly Machine[]>,
): AsyncGenerator<string> {
  yield format.begin + format.part(first, true)
  for await (const machines of others) yield format.part(machines, first.length === 0)
  yield format.end
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
