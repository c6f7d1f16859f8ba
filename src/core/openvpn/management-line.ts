import { isIP } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'

/** One line that OpenVPN wrote to its management interface. `cid` numbers a client, `kid` one negotiation of its keys. */
export type ManagementLine =
  /** The answer to the oldest command that has none yet. */
  | { readonly kind: 'answer'; readonly success: boolean; readonly text: string }
  /** It waits for `hold release` before it begins, or begins anew. */
  | { readonly kind: 'hold' }
  /** `CONNECTED`, `RECONNECTING`, `EXITING`, … */
  | { readonly kind: 'state'; readonly state: string }
  | { readonly kind: 'log'; readonly flags: string; readonly text: string }
  /** The last words before it ends with an error. */
  | { readonly kind: 'fatal'; readonly text: string }
  | { readonly kind: 'traffic'; readonly receivedBytes: number; readonly sentBytes: number }
  | {
      readonly kind: 'client-traffic'
      readonly cid: number
      readonly receivedBytes: number
      readonly sentBytes: number
    }
  /** Where the packets of a client come from at the moment: of the answer to `status`. */
  | {
      readonly kind: 'client-address'
      readonly cid: number
      readonly underlay: { readonly address: string; readonly port: number }
    }
  /** The beginning of a block of environment lines. */
  | BlockHead
  | { readonly kind: 'environment'; readonly name: string; readonly value: string }
  | { readonly kind: 'environment-end' }
  /** A notification that we have no use for. */
  | { readonly kind: 'other'; readonly text: string }

/** What a block of environment lines is about. */
export type BlockHead =
  | { readonly kind: 'client-connect' | 'client-reauth'; readonly cid: number; readonly kid: number }
  | { readonly kind: 'client-established' | 'client-disconnect'; readonly cid: number }
  | { readonly kind: 'up' | 'down' }

const STATUS_TABLES = new Set(['TITLE', 'TIME', 'HEADER', 'ROUTING_TABLE', 'GLOBAL_STATS'])
const CLIENT_CELLS = 12

/** Reads one line, without its end. Refuses only a line of a known kind whose numbers are none. */
export function parseManagementLine(line: string): Result<ManagementLine> {
  if (!line.startsWith('>')) return parseAnswer(line)
  const [, type = '', rest = ''] = /^>([^:]*):?(.*)$/s.exec(line) ?? []
  switch (type) {
    case 'HOLD':
      return ok({ kind: 'hold' })
    case 'STATE': {
      const [, state = ''] = rest.split(',')
      return ok({ kind: 'state', state })
    }
    case 'LOG': {
      const [, flags = '', text = ''] = /^\d*,(\w*),(.*)$/s.exec(rest) ?? ['', '', rest]
      return ok({ kind: 'log', flags, text })
    }
    case 'FATAL':
      return ok({ kind: 'fatal', text: rest })
    case 'BYTECOUNT':
      return withNumbers(line, rest.split(','), ([receivedBytes, sentBytes]) => ({
        kind: 'traffic',
        receivedBytes,
        sentBytes,
      }))
    case 'BYTECOUNT_CLI':
      return withNumbers(line, rest.split(','), ([cid, receivedBytes, sentBytes]) => ({
        kind: 'client-traffic',
        cid,
        receivedBytes,
        sentBytes,
      }))
    case 'CLIENT':
    case 'UPDOWN':
      return parseBlockLine(line, rest)
    default:
      return ok({ kind: 'other', text: line })
  }
}

/** Answers are one line, but for that to `status 3`: a table with tabs, and `END`. */
function parseAnswer(line: string): Result<ManagementLine> {
  if (line === 'END') return ok({ kind: 'answer', success: true, text: '' })
  const [first = '', ...cells] = line.split('\t')
  if (first === 'CLIENT_LIST') return ok(parseClient(cells) ?? { kind: 'other', text: line })
  if (STATUS_TABLES.has(first)) return ok({ kind: 'other', text: line })
  const [, word, text = ''] = /^(SUCCESS|ERROR): ?(.*)$/s.exec(line) ?? []
  if (word === undefined) return refuse(`not a line of the management interface: ${JSON.stringify(line)}`)
  return ok({ kind: 'answer', success: word === 'SUCCESS', text })
}

/**
 * Common name, real address, two virtual ones, bytes received and sent, time twice, user name, client number, peer id,
 * cipher (OpenVPN 2.6). One that has just connected has no address for a moment.
 */
function parseClient(cells: readonly string[]): ManagementLine | undefined {
  const [, real = ''] = cells
  const cid = cells[9] ?? ''
  const [, bracketed, plain, port] =
    /^(?:(?:udp|tcp)[46]?(?:-server)?:)?(?:\[([^\]]+)\]|([0-9a-f:.]+)):(\d{1,5})$/i.exec(real) ?? []
  const address = bracketed ?? plain ?? ''
  if (cells.length !== CLIENT_CELLS || isIP(address) === 0 || !/^\d{1,15}$/.test(cid)) return undefined
  return { kind: 'client-address', cid: Number(cid), underlay: { address, port: Number(port) } }
}

function parseBlockLine(line: string, rest: string): Result<ManagementLine> {
  const [word = '', ...parts] = rest.split(',')
  switch (word) {
    case 'ENV': {
      const text = rest.slice('ENV,'.length)
      if (text === 'END') return ok({ kind: 'environment-end' })
      const equals = text.indexOf('=')
      return ok(
        equals < 0
          ? { kind: 'environment', name: text, value: '' }
          : { kind: 'environment', name: text.slice(0, equals), value: text.slice(equals + 1) },
      )
    }
    case 'CONNECT':
      return withNumbers(line, parts.slice(0, 2), ([cid, kid]) => ({ kind: 'client-connect', cid, kid }))
    case 'REAUTH':
      return withNumbers(line, parts.slice(0, 2), ([cid, kid]) => ({ kind: 'client-reauth', cid, kid }))
    case 'ESTABLISHED':
      return withNumbers(line, parts.slice(0, 1), ([cid]) => ({ kind: 'client-established', cid }))
    case 'DISCONNECT':
      return withNumbers(line, parts.slice(0, 1), ([cid]) => ({ kind: 'client-disconnect', cid }))
    case 'UP':
      return ok({ kind: 'up' })
    case 'DOWN':
      return ok({ kind: 'down' })
    default:
      return ok({ kind: 'other', text: line })
  }
}

/** Up to three numbers; the tuple type spares the callers checks that `texts` has made unnecessary. */
function withNumbers(
  line: string,
  texts: readonly string[],
  make: (numbers: readonly [number, number, number]) => ManagementLine,
): Result<ManagementLine> {
  const numbers = texts.map((text) => (/^\d{1,15}$/.test(text) ? Number(text) : Number.NaN))
  if (numbers.some(Number.isNaN)) return refuse(`not a number in ${JSON.stringify(line)}`)
  const [first = Number.NaN, second = Number.NaN, third = Number.NaN] = numbers
  const made = make([first, second, third])
  if (Object.values(made).some((value) => Number.isNaN(value)))
    return refuse(`a number is missing in ${JSON.stringify(line)}`)
  return ok(made)
}
